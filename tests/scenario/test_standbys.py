"""`copies:`, the standbys of a service by name, and what is refused beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario, validate
from dr_sim.scenario.keys.standbys import as_seen_at, first_places, several
from dr_sim.scenario.model import Outages, RecordedSeries
from tests.scenario.conftest import SMALLEST, Write

TWO = "copies: {near: {}, far: {link: {bandwidth: 20 Mbit/s}, replay: {delay: 4 h}}}\n"
LINE = SMALLEST.count("\n") + 1


def told(write: Write, text: str) -> list[str]:
    found = validate(write(SMALLEST + text))
    return [f"{p.line}:{p.column}: {p.message}" for p in found]


def test_a_copy_has_what_it_writes_and_else_what_the_scenario_says(write: Write) -> None:
    scenario = load_scenario(write(SMALLEST + TWO))
    near, far = scenario.standbys
    assert first_places(scenario) == ("near", "far") and several(scenario)
    assert near.link == scenario.link and near.replay == scenario.replay
    assert far.link.bandwidth_bit_s == 20_000_000 and far.link.rtt_us == scenario.link.rtt_us
    seen = as_seen_at(scenario, "far", 1, 2)
    assert (seen.replay.delay_us, seen.rank, seen.ranks) == (4 * 3_600_000_000, 1, 2)
    assert as_seen_at(scenario, "A").link == scenario.link


def test_without_copies_there_is_one_standby_at_b(write: Write) -> None:
    scenario = load_scenario(write(SMALLEST))
    assert first_places(scenario) == ("B",) and not several(scenario)


def test_a_key_of_one_copy_can_be_set(write: Write) -> None:
    key = "copies.far.link.bandwidth"
    scenario = load_scenario(write(SMALLEST + TWO), [f"{key}=50 Mbit/s"])
    assert scenario.standbys[1].link.bandwidth_bit_s == 50_000_000
    with pytest.raises(InputError, match="unknown copy 'fra'; did you mean 'far'"):
        load_scenario(write(SMALLEST + TWO), ["copies.fra.link.bandwidth=50 Mbit/s"])


RECORDED = "recorded: {link: {values: 1000000 2000000, step: 1 min}}\n"


def test_a_copy_has_the_recorded_series_of_all_or_its_own(write: Write) -> None:
    copies = """copies:
  near: {}
  far: {recorded: {link: none, outages: {spans: 60-120, period: 1 h}}}
"""
    scenario = load_scenario(write(SMALLEST + RECORDED + copies))
    near, far = scenario.standbys
    assert near.recorded == scenario.recorded
    assert near.recorded.link.values == (1_000_000, 2_000_000)
    assert far.recorded == RecordedSeries(
        outages=Outages(3_600_000_000, ((60_000_000, 120_000_000),))
    )
    assert as_seen_at(scenario, "far").recorded == far.recorded
    assert as_seen_at(scenario, "A").recorded == scenario.recorded


def test_a_file_with_a_series_of_a_copy_is_read_once_and_written_out(write: Write) -> None:
    """A resolved scenario needs no other file. Two copies share what the scenario names."""
    file = write(SMALLEST + FROM_FILE + "copies: {near: {}, far: {recorded: {link: none}}}\n")
    Path(file).with_name("link.csv").write_text("s,v\n0,1\n60,3\n120,2\n")
    scenario = load_scenario(file)
    near, far = scenario.standbys
    assert near.recorded.link.values == (500_000, 1_500_000, 1_000_000)
    assert near.recorded.link is scenario.recorded.link
    assert not far.recorded.link.values
    again = load_scenario(dict(scenario.resolved))
    assert again.standbys == scenario.standbys


def test_a_series_that_a_copy_writes_stands_in_place_of_a_file(write: Write) -> None:
    """Its keys are not mixed with those of the file."""
    base = write(SMALLEST + "copies: {near: {}, far: {" + FROM_FILE.strip() + "}}\n")
    own = Path(base).with_name("own.yaml")
    own.write_text(f"extends: {Path(base).name}\ncopies: {{far: {{{RECORDED.strip()}}}}}\n")
    scenario = load_scenario(str(own))
    assert scenario.standbys[1].recorded.link.values == (1_000_000, 2_000_000)


FROM_FILE = "recorded: {link: {file: link.csv, at: s, value: v, mean: 1 Mbit/s}}\n"
MISSING = "copies: {near: {}, far: {recorded: {link: {file: no.csv, at: 1, mean: 1 Mbit/s}}}}"

REFUSED = [
    ("copies: 2", "copies: is a mapping of standbys by name, as in copies: {near: {}, far: "
     "{link: {bandwidth: 20 Mbit/s}}}"),
    ("copies: {A: {}}", "copies.A: A is the place of the first primary; write another name"),
    ("copies: {near: {lnk: {}}}", "unknown key 'copies.near.lnk'; "),
    ("copies: {near: {link: {rtt: fast}}}", "copies.near.link.rtt: "),
    ("copies: {near: {replication: {groups: {g: {}}}}}", "copies.near.replication.groups: groups "
     "are the same for all copies; write them under replication"),
    (MISSING, "copies.far.recorded.link: "),
    ("copies: {near: {}, far: {recorded: {link: {values: 1 2, step: 100 ms}}}}",
     "copies.far.recorded.link: this run may have about 12,096,000 changes, more than "),
    (TWO + "physical: {A: {compute: 1}, near: {compute: 1}}\nimages: {web: {size: 1 GB, at: [A]}}\n"
     "farms: {content: {image: web, front_end: 1}}",
     "physical: 'near' is no site; sites are A, B, C and so on, so name the standby by a letter too, "
     "as in copies: {B: {}, C: {}}"),
    (TWO + "cloud: {}\nevents: [{at: 1 h, agent_silent: {duration: 1 h, site: B}}]",
     "event 1: agent_silent: unknown site 'B'; "),
    (TWO + "cloud: {}\nevents: [{at: 1 h, agent_silent: {duration: 1 h, site: near}, copy: near}]",
     "event 1: agent_silent affects all copies; leave out copy"),
    (TWO + "events: [{at: 1 h, link_outage: 5 min, copy: fra}]",
     "event 1: unknown copy 'fra'; did you mean 'far'?"),
    (TWO + "events: [{at: 1 h, lose: site, copy: far}]",
     "event 1: lose affects the primary; leave out copy"),
    (TWO + "events: [{at: 1 h, lose: site}, {at: 2 h, dead_alert_channel: 2 h, copy: far}]",
     "event 2: dead_alert_channel affects all copies; leave out copy"),
    (TWO + "faults: {late_file: {rate: 1 per week, database: crm, by: 5 min, copy: fra}}",
     "faults.late_file: unknown copy 'fra'; did you mean 'far'?"),
    ("events: [{at: 1 h, link_outage: 5 min, copy: far}]", "event 1: this scenario names no "
     "copies; leave out copy, or write copies: {near: {}, far: {link: {bandwidth: 20 Mbit/s}}}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_not_supported_is_one_clear_line(write: Write, text: str, message: str) -> None:
    (line,) = told(write, text + "\n")
    where, _, said = line.partition(": ")
    assert said.startswith(message)
    assert int(where.partition(":")[0]) in range(LINE, LINE + text.count("\n") + 2)
