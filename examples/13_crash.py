"""A process is killed while it owes things, and `processender recover` finishes what it could not."""

import os
import subprocess
import sys
import tempfile

CRASH = """
import fcntl, os, signal, subprocess, sys
from processender import Ender
from processender.integrations.files import file_args
from processender.integrations.locks import lock_args
from processender.integrations.processes import process_args

root = sys.argv[1]
with Ender("importer") as ender:
    tree = ender.obligation("tree", key=f"{root}/work", root=root).acquire()
    os.makedirs(f"{root}/work/a/b")
    tree.acquired(**file_args(f"{root}/work", root))

    child = ender.obligation("process", key="converter").acquire()
    process = subprocess.Popen(["sleep", "600"])
    child.acquired(str(process.pid), **process_args(process.pid))

    lock = ender.obligation("flock", key=f"{root}/lock", root=root, outlives=[child, tree]).acquire()
    fcntl.flock(os.open(f"{root}/lock", os.O_CREAT | os.O_RDWR), fcntl.LOCK_EX)
    lock.acquired(**lock_args(f"{root}/lock", root))

    os.kill(os.getpid(), signal.SIGKILL)
"""

with tempfile.TemporaryDirectory() as root:
    subprocess.run([sys.executable, "-c", CRASH, root], check=False)
    print("left behind:", sorted(os.listdir(root)))
    subprocess.run([sys.executable, "-m", "processender", "recover"], check=True)
    print("left behind:", sorted(os.listdir(root)))
