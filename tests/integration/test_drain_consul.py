"""Leaving traffic at Consul, and coming back: by maintenance, and by deregistering."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.errors import HandlerError, Permanent, Transient
from processender.integrations import consul
from processender.testing.consul import ConsulAgent
from processender.testing.drainers import check_drainer
from processender.testing.served import as_json
from tests.integration.drainers import Attempt, come_back, leave

WEB = {"ID": "web-1", "Name": "web", "Tags": ["v2"], "Meta": {"shard": "7"}, "Port": 8080, "Address": "10.0.0.7"}


@pytest.fixture
def agent() -> Iterator[ConsulAgent]:
    """Run an agent that knows `web-1` and, of another node, an instance of the same id."""
    with ConsulAgent(lag=2) as found:
        service = {"ID": "web-1", "Service": "web", "Port": 8080, "Address": "10.0.0.8"}
        other = {"Node": {"Node": "node-2"}, "Service": service, "Checks": [{"Status": "passing"}]}
        found.elsewhere.append(other)
        found.register(dict(WEB))
        yield found


def methods(agent: ConsulAgent) -> list[str]:
    """Return what was changed, in order."""
    return [asked.path for asked in agent.asked if asked.method == "PUT"]


class TestMaintenance:
    def test_it_leaves_and_waits_until_it_is_no_longer_listed(self, agent: ConsulAgent) -> None:
        """The instance of another node with the same id stays."""
        notes = leave(consul.drain("web-1", url=agent.url, reason="deploy 7"))

        assert ["Consul no longer lists web-1"] == notes
        assert {"web-1": "deploy 7"} == agent.maintenance
        assert ["web-1"] == agent.passing("web")

    def test_it_comes_back_and_waits_until_it_is_listed(self, agent: ConsulAgent) -> None:
        """The critical check is gone."""
        handler = consul.drain("web-1", url=agent.url)
        leave(handler)

        assert ["Consul lists web-1 as passing"] == come_back(handler)
        assert {} == agent.maintenance
        assert ["web-1", "web-1"] == agent.passing("web")

    def test_it_outlasts_the_process(self, agent: ConsulAgent) -> None:
        """So a new one, which has never left, comes back all the same."""
        leave(consul.drain("web-1", url=agent.url))
        new = consul.drain("web-1", url=agent.url)
        come_back(new)

        assert new.lasting
        assert {} == agent.maintenance

    def test_a_second_notice_changes_nothing(self, agent: ConsulAgent) -> None:
        """Neither the state nor what was noted."""
        handler = consul.drain("web-1", url=agent.url)

        assert leave(handler) == leave(handler)
        assert {"web-1": "draining"} == agent.maintenance

    def test_an_unknown_service_is_nothing_to_leave(self, agent: ConsulAgent) -> None:
        """And nothing to come back to; both are said."""
        handler = consul.drain("other", url=agent.url)

        assert ["Consul does not know other: there is nothing to leave"] == leave(handler)
        assert ["Consul does not know other: there is nothing to come back to"] == come_back(handler)

    def test_an_id_with_a_slash_is_one_id(self, agent: ConsulAgent) -> None:
        """It is quoted in the path."""
        agent.register({"ID": "web/1 a", "Name": "web"})
        leave(consul.drain("web/1 a", url=agent.url))

        assert ["web/1 a"] == list(agent.maintenance)

    def test_it_does_what_every_drainer_must(self, agent: ConsulAgent) -> None:
        """Twice down and twice back."""
        check_drainer(lambda: consul.drain("web-1", url=agent.url), lambda: 2 == len(agent.passing("web")))


class TestDeregistration:
    def test_it_leaves_and_registers_again_what_there_was(self, agent: ConsulAgent) -> None:
        """As the agent has described it."""
        handler = consul.drain("web-1", url=agent.url, how="deregister")

        assert ["Consul no longer lists web-1"] == leave(handler)
        assert {} == agent.services
        assert ["Consul lists web-1 as passing"] == come_back(handler)
        assert WEB == {key: agent.services["web-1"][key] for key in WEB}
        assert not {"ContentHash", "Datacenter", "Service"} & {*agent.services["web-1"]}

    def test_a_second_notice_does_not_forget_what_there_was(self, agent: ConsulAgent) -> None:
        """The agent knows nothing any more, but the drainer does."""
        handler = consul.drain("web-1", url=agent.url, how="deregister")
        leave(handler)
        leave(handler)
        come_back(handler)

        assert ["web-1"] == list(agent.services)

    def test_a_new_process_registers_only_what_it_was_told(self, agent: ConsulAgent) -> None:
        """It has not seen what there was."""
        del agent.services["web-1"]
        come_back(consul.drain("web-1", url=agent.url, how="deregister"))

        assert {} == agent.services
        come_back(consul.drain("web-1", url=agent.url, how="deregister", registration=WEB))
        assert {"web-1": WEB} == agent.services


class TestToken:
    @pytest.fixture
    def guarded(self) -> Iterator[ConsulAgent]:
        """Run an agent that wants a token."""
        with ConsulAgent(token="s3cr3t") as found:
            found.register(dict(WEB))
            yield found

    def test_it_is_read_where_it_is_when_it_is_used(
        self, guarded: ConsulAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may have been changed since."""
        file = tmp_path / "token"
        handler = consul.drain("web-1", url=guarded.url, token={"file": str(file)})
        file.write_text("s3cr3t\n")
        leave(handler)

        assert ["web-1"] == list(guarded.maintenance)
        monkeypatch.setenv("CONSUL_HTTP_TOKEN", "s3cr3t")
        come_back(consul.drain("web-1", url=guarded.url, token={"env": "CONSUL_HTTP_TOKEN"}))
        assert {} == guarded.maintenance

    @pytest.mark.parametrize(
        ("token", "has"), [(None, "no token was given"), ("guess", "the token in the variable T is not enough")]
    )
    def test_a_wrong_one_is_final_and_told_by_its_place(
        self, guarded: ConsulAgent, monkeypatch: pytest.MonkeyPatch, token: str | None, has: str
    ) -> None:
        """Never by its content."""
        monkeypatch.setenv("T", token or "")
        with pytest.raises(Permanent, match=f"{has}; it needs service:write for web-1") as caught:
            leave(consul.drain("web-1", url=guarded.url, token={"env": "T"} if token else None))

        assert "guess" not in str(caught.value)

    def test_one_that_is_written_out_is_refused(self) -> None:
        """It would stand in the configuration."""
        with pytest.raises(HandlerError, match="token is a secret"):
            consul.drain("web-1", token="s3cr3t")  # type: ignore[arg-type]


class TestBadDays:
    def test_nobody_there_may_pass(self) -> None:
        """The handler is tried again."""
        handler = consul.drain("web-1", url="http://127.0.0.1:1")
        with pytest.raises(Transient):
            leave(handler)

        assert handler.retry.attempts > 1

    @pytest.mark.parametrize("entry", [{}, {"Service": {}}, {"Service": "web-1"}, 5])
    def test_a_list_of_something_else_is_no_evidence(self, agent: ConsulAgent, entry: object) -> None:
        """It is told, and looked at again."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(agent, "_health", lambda *_: as_json([entry]))
            (note,) = leave(consul.drain("web-1", url=agent.url, wait=0.1))

        assert "as far as can be told, Consul still lists web-1 after 0.1 s" in note
        assert "was answered with something else than asked" in note

    def test_a_service_without_a_name_is_no_answer(self, agent: ConsulAgent) -> None:
        """The agent may be well the next time."""
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Transient, match="something else than asked"):
            patch.setattr(agent, "answer", lambda _: as_json({"ID": "web-1"}))
            leave(consul.drain("web-1", url=agent.url))

    @pytest.mark.parametrize("fault", [500, 503, "hang-up", "garbage"])
    def test_a_look_that_fails_is_repeated(self, agent: ConsulAgent, fault: str | int) -> None:
        """One bad answer is no evidence."""
        handler = consul.drain("web-1", url=agent.url)
        agent.fail(fault, path="/v1/health")

        assert ["Consul no longer lists web-1"] == leave(handler)

    def test_a_silent_agent_costs_its_limit_and_no_more(
        self, agent: ConsulAgent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The attempt has time left for another."""
        agent.fail("silent", method="PUT")
        handler = consul.drain("web-1", url=agent.url)
        with monkeypatch.context() as short, pytest.raises(TimeoutError):
            short.setattr("processender.integrations.consul.api.SILENT_S", 0.05)
            leave(handler)

        assert ["Consul no longer lists web-1"] == leave(handler)

    def test_a_drain_that_never_ends_is_bounded_and_noted(self, agent: ConsulAgent) -> None:
        """It goes on, and says so."""
        agent.lag = 1_000_000
        notes = leave(consul.drain("web-1", url=agent.url, wait=0.1))

        assert ["Consul still lists web-1 after 0.1 s, and it goes on"] == notes

    def test_an_attempt_that_must_give_way_does(self, agent: ConsulAgent) -> None:
        """In the middle of its wait, and without a word about what it did not see."""
        agent.lag = 1_000_000
        ctx = Attempt(60)
        handler = consul.drain("web-1", url=agent.url, wait=60)
        call = handler.call
        assert call is not None

        def leave() -> None:
            # The agent may have done what it has not answered yet.
            with contextlib.suppress(TimeoutError):
                call(ctx)

        thread = threading.Thread(target=leave)
        thread.start()
        while "web-1" not in agent.maintenance:
            thread.join(0.01)
        ctx.cancel()
        thread.join(30)

        assert not thread.is_alive()
        assert [] == ctx.notes

    def test_what_makes_no_sense_is_refused_at_once(self) -> None:
        """And not when the end has come."""
        with pytest.raises(HandlerError, match="how='away'"):
            consul.drain("web-1", how="away")
        with pytest.raises(HandlerError, match="must be a URL"):
            consul.drain("web-1", url="127.0.0.1:8500")
