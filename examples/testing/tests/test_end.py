"""How the service ends: on a clock that jumps, as a plan, and for real."""

from pathlib import Path
from urllib.request import urlopen

import pytest
from orders import build

from processender.testing import assert_plan, replay
from processender.testing.sequences import DOCKER

SERVICE = Path(__file__).parent.parent / "orders.py"

SHOP = """
from http.server import HTTPServer, SimpleHTTPRequestHandler
server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
print(server.server_port, "serves", flush=True)
server.serve_forever()
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "orders.txt"


def test_the_plan_fits_and_is_in_order(file):
    plan = assert_plan(build([], file)).fits("30s").orders("drain", "flush", "close")
    plan.keeps("flush", within="5s").survives("flush")


def test_all_orders_are_written(fake_clock, file):
    ran = fake_clock.run(build(["a", "b"], file), "30s")

    assert ran.verdict == "clean"
    assert 5 < ran.took < 6
    assert file.read_text() == "a\nb"


def test_a_disk_that_is_full_for_a_moment(fake_clock, faults, file):
    ran = fake_clock.run(build(["a"], file), "30s", faults=faults.fails("flush", times=2))

    assert ran.handler("flush")["attempts"] == 3
    assert file.read_text() == "a"


def test_nothing_is_closed_that_was_not_written(fake_clock, faults, file):
    ran = fake_clock.run(build(["a"], file), "30s", faults=faults.fails("flush"))

    assert ran.outcomes == {"leave": "done", "flush": "failed", "close": "skipped"}


def test_a_spot_machine_that_goes_earlier_than_it_said(fake_clock, notices, file):
    notices.announce("spot", within="2m").cut("4s", at="3s")
    ran = fake_clock.run(build(["a"], file), notices=notices)

    assert ran.in_time
    assert ran.outcomes["flush"] == "done"


def test_the_real_program_ends_as_docker_wants(ender_process, tmp_path):
    service = ender_process(SERVICE, cwd=tmp_path, ready="ready")
    assert replay(DOCKER, service.pid).in_time

    assert service.report()["verdict"] == "clean"
    assert (tmp_path / "orders.txt").exists()


def test_a_shop_that_swallows_everything(faults, ender_process):
    shop = ender_process(SHOP, ready="serves")
    proxy = faults.proxy(f"127.0.0.1:{shop.output.split()[0]}").black_hole()

    with pytest.raises(OSError, match="timed out"):
        urlopen(f"http://{proxy.address}/", timeout=0.2)
    proxy.heal()
    assert urlopen(f"http://{proxy.address}/", timeout=10).status == 200
