"""
A process is killed while it owes things, and `processender recover` finishes what it could not.

Needs `pip install 'processender[s3]' 'moto[server]'`: moto stands in for an object storage.
"""

import logging
import os
import subprocess
import sys
import tempfile

import boto3
from moto.server import ThreadedMotoServer

CRASH = """
import fcntl, os, signal, subprocess, sys
from processender import Ender
from processender.integrations.files import file_args
from processender.integrations.locks import lock_args
from processender.integrations.processes import process_args
from processender.integrations.s3 import upload

root, endpoint = sys.argv[1:]
with Ender("importer") as ender:
    tree = ender.obligation("tree", key=f"{root}/work", root=root).acquire()
    os.makedirs(f"{root}/work/a/b")
    tree.acquired(**file_args(f"{root}/work", root))

    child = ender.obligation("process", key="converter").acquire()
    process = subprocess.Popen(["sleep", "600"])
    child.acquired(str(process.pid), **process_args(process.pid))
    print(process.pid, flush=True)

    lock = ender.obligation("flock", key=f"{root}/lock", root=root, outlives=[child, tree]).acquire()
    fcntl.flock(os.open(f"{root}/lock", os.O_CREAT | os.O_RDWR), fcntl.LOCK_EX)
    lock.acquired(**lock_args(f"{root}/lock", root))

    with upload(ender, "imports", "orders.csv", endpoint=endpoint) as running:
        running.put(b"half of the orders")
        os.kill(os.getpid(), signal.SIGKILL)
"""

os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
logging.getLogger("werkzeug").setLevel(logging.ERROR)
storage = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
storage.start()
host, port = storage.get_host_and_port()
s3 = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
s3.create_bucket(Bucket="imports")


def left_behind(root):
    uploads = s3.list_multipart_uploads(Bucket="imports").get("Uploads", [])
    found = sorted(os.listdir(root)) + [f"upload of {upload['Key']}" for upload in uploads]
    return found + (["converter"] if lives(converter) else [])


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as state:
    # A state of its own: otherwise this would look at what other services of this host have left.
    os.environ["PROCESSENDER_STATE"] = state
    crash = subprocess.Popen(
        [sys.executable, "-c", CRASH, root, f"http://{host}:{port}"], stdout=subprocess.PIPE, text=True
    )
    converter = int(crash.stdout.readline())
    crash.wait()
    print("left behind:", left_behind(root))
    assert left_behind(root) == ["lock", "work", "upload of orders.csv", "converter"]
    subprocess.run([sys.executable, "-m", "processender", "recover", "--service", "importer"], check=True)
    print("left behind:", left_behind(root))
    assert left_behind(root) == []
storage.stop()
