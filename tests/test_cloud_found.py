"""Small runs that were drawn at random and broke a law of the witness. Beside each stands what holds:
for most of them the law was wrong, for some the manager or the world.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.world.world import World

MACHINES = """\
physical: {A: {compute: 3}, B: {compute: 3}}
images:
  web 1: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B]}
  web 2: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B]}
farms: {content: {image: web 1, front_end: 2, timer: 1}}
"""
FOUND = {
    # of a machine that was being upgraded when its site was read it is known that it runs, when
    # its script is over (24)
    "in place after two failovers": MACHINES
    + """\
run_for: 3 h
seed: 486
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
failover: {mode: manual}
after_failover: {new_secondary: 10 min}
cloud: {mirror: {mode: runbook, every: 0 s, audit: 0 s, on_failure: retry}, provision: {at_most: 5 min, otherwise: redirect}}
jobs: {at_once: 4, time_limit: 15 min, retry: 5 min, attempts: 3, set: 10 s, rebuild: 3 min, by_hand: 5 min}
changes: {rate: 0 per hour, takes: 30 s, fail: 0 %}
events: [{at: 2612 s, script_fails: {site: B, times: 2}},
  {at: 2639 s, upgrade: {farm: content, to: web 2, style: in_place}},
  {at: 3241 s, agent_silent: {site: B, duration: 40 min}},
  {at: 3336 s, order_failover: {by: dba, planned: true}},
  {at: 5459 s, order_failover: {by: dba, planned: false}}]
""",
    # a machine that a script was to remove does not run since it was stopped, heard or not (18)
    "half removed": MACHINES
    + """\
run_for: 3 h
seed: 1655
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
failover: {mode: manual}
after_failover: {new_secondary: 30 min}
cloud: {mirror: {mode: jobs, every: 5 min, audit: 0 s, on_failure: rebuild}, provision: {at_most: 5 min, otherwise: redirect}}
jobs: {at_once: 4, time_limit: 15 min, retry: 5 min, attempts: 1, set: 10 s, rebuild: 3 min, by_hand: 5 min}
changes: {rate: 0 per hour, takes: 10 min, fail: 0 %}
events: [{at: 2117 s, script_hangs: {times: 1, duration: 40 min}},
  {at: 2516 s, upgrade: {farm: content, to: web 2, style: replaced}},
  {at: 2943 s, order_failover: {by: dba, planned: true}},
  {at: 2947 s, admin_change: {rotate_secret: b}}]
""",
    # a move waits for the changes of its database that are before it (20)
    "a move behind changes": MACHINES
    + """\
run_for: 4 h
seed: 1415
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
failover: {mode: automatic}
after_failover: {new_secondary: none}
cloud: {mirror: {mode: reconcile, every: 1 min, audit: 0 s, on_failure: retry}, provision: {at_most: 5 min, otherwise: redirect}}
jobs: {at_once: 4, time_limit: 15 min, retry: 10 s, attempts: 1, set: 3 min, rebuild: 3 min, by_hand: 5 min}
changes: {rate: 20 per hour, takes: 10 min, fail: 0 %}
events: [{at: 4591 s, order_failover: {by: dba, planned: true}},
  {at: 5002 s, admin_change: {rotate_secret: b}},
  {at: 5226 s, admin_change: {rotate_secret: a}},
  {at: 5278 s, upgrade: {farm: content, to: web 2, style: new_farm}}]
""",
    # a side that had more than the active one is set to it, and both are the same then (15)
    "a side that had more": """\
run_for: 3 h
seed: 970
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {farms: [web]}}
failover: {mode: automatic}
after_failover: {new_secondary: 30 min}
cloud: {mirror: {mode: jobs, every: 1 min, audit: 0 s, on_failure: rebuild}, provision: {at_most: 1 h, otherwise: redirect}}
jobs: {at_once: 4, time_limit: 15 min, retry: 10 s, attempts: 1, set: 3 min, rebuild: 3 min, by_hand: 5 min}
changes: {rate: 0 per hour, takes: 5 min, fail: 10 %}
events: [{at: 1646 s, admin_change: {rotate_secret: a}},
  {at: 1863 s, admin_change: {rotate_secret: a}},
  {at: 2552 s, admin_change: {rotate_secret: a}},
  {at: 3295 s, lose: site},
  {at: 3467 s, admin_change: {rotate_secret: b}},
  {at: 3709 s, agent_silent: {site: B, duration: 40 min}},
  {at: 5265 s, lose: site},
  {at: 5498 s, site_returns: {}}]
""",
    # an old machine that runs goes only when those that are kept in its place run (19)
    "taken back at once": """\
run_for: 4 h
seed: 46
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
physical: {A: {compute: 4}, B: {compute: 2}}
images: {web 1: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B]}, web 2: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B]}}
farms: {content: {image: web 1, front_end: 3, timer: 1}}
failover: {mode: manual}
after_failover: {new_secondary: 10 min}
cloud: {mirror: {mode: jobs, every: 0 s, audit: 0 s, on_failure: retry}, provision: {at_most: 5 min, otherwise: redirect}}
jobs: {at_once: 2, time_limit: 15 min, retry: 20 s, attempts: 3, set: 3 min, rebuild: 3 min, by_hand: 5 min}
changes: {rate: 0 per hour, takes: 30 s, fail: 0 %}
events: [{at: 1270 s, bad_machine: {machine: B-compute-1, duration: 1 h}},
  {at: 2210 s, upgrade: {farm: content, to: web 2, style: new_farm, tenants_at_once: 2}},
  {at: 2255 s, roll_back_upgrade: content}]
""",
    # a replaced machine that is back is one too many: enough others of its farm are left (12)
    "one more than the goal": """\
run_for: 4 h
seed: 7
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
physical: {A: {compute: 4}, B: {compute: 4}}
images: {web 1: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B]}, web 2: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A]}}
farms: {content: {image: web 1, front_end: 2, timer: 1}}
failover: {mode: manual}
after_failover: {new_secondary: 10 min}
cloud: {mirror: {mode: reconcile, every: 1 min, audit: 0 s, on_failure: retry}, provision: {at_most: 1 h, otherwise: redirect}}
jobs: {at_once: 4, time_limit: 15 min, retry: 5 min, attempts: 1, set: 3 min, rebuild: 3 min, by_hand: 5 min}
changes: {rate: 0 per hour, takes: 5 min, fail: 0 %}
events: [{at: 2137 s, upgrade: {farm: content, to: web 2, style: new_farm}},
  {at: 2497 s, lose: site},
  {at: 2756 s, site_returns: {}},
  {at: 2927 s, bad_machine: {machine: A-compute-2, duration: 20 min}},
  {at: 3283 s, agent_silent: {site: A, duration: 20 min}}]
""",
    # an old machine that waits for its image takes no place of a new one that runs (12)
    "a machine that waits in an upgrade that is taken back": """\
run_for: 4 h
seed: 400
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
physical: {A: {compute: 2}, B: {compute: 4}, C: {compute: 2}}
images: {web 1: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B, C]}, web 2: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A]}}
farms: {content: {image: web 1, front_end: 3, timer: 1}}
failover: {mode: manual}
after_failover: {new_secondary: 10 min}
cloud: {mirror: {mode: jobs, every: 1 min, audit: 0 s, on_failure: rebuild}, provision: {at_most: 5 min, otherwise: redirect}}
jobs: {at_once: 4, time_limit: 15 min, retry: 5 min, attempts: 2, set: 3 min, rebuild: 3 min, by_hand: 5 min}
changes: {rate: 0 per hour, takes: 5 min, fail: 0 %}
events: [{at: 4765 s, order_failover: {by: dba, planned: true}},
  {at: 5193 s, upgrade: {farm: content, to: web 2, style: replaced, machines_at_once: 2}},
  {at: 7220 s, roll_back_upgrade: content}]
""",
    # it is decided again, as another image is wanted (12)
    "an order that waits when the upgrade is taken back": """\
run_for: 4 h
seed: 464
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
physical: {A: {compute: 6}, B: {compute: 2}, C: {compute: 2}}
images: {web 1: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B, C]}, web 2: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B, C]}}
farms: {content: {image: web 1, front_end: 3, timer: 1}}
failover: {mode: manual}
after_failover: {new_secondary: 10 min}
cloud: {mirror: {mode: runbook, every: 1 min, audit: 0 s, on_failure: retry}, provision: {at_most: 5 min, otherwise: redirect}}
jobs: {at_once: 1, time_limit: 15 min, retry: 10 s, attempts: 3, set: 3 min, rebuild: 3 min, by_hand: 5 min}
changes: {rate: 0 per hour, takes: 30 s, fail: 0 %}
events: [{at: 2171 s, lose: site},
  {at: 2763 s, upgrade: {farm: content, to: web 2, style: replaced, machines_at_once: 2}},
  {at: 3522 s, roll_back_upgrade: content}]
""",
    # an old machine that runs stays until a new one runs in its place (19)
    "a new machine that has died in place": """\
run_for: 4 h
seed: 459
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
physical: {A: {compute: 2}, B: {compute: 4}, C: {compute: 2}}
images: {web 1: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B, C]}, web 2: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A]}}
farms: {content: {image: web 1, front_end: 3, timer: 1}}
failover: {mode: automatic}
after_failover: {new_secondary: none}
cloud: {mirror: {mode: runbook, every: 1 min, audit: 0 s, on_failure: retry}, provision: {at_most: 5 min, otherwise: redirect}}
jobs: {at_once: 4, time_limit: 15 min, retry: 5 min, attempts: 1, set: 10 s, rebuild: 3 min, by_hand: 5 min}
changes: {rate: 0 per hour, takes: 5 min, fail: 0 %}
events: [{at: 5266 s, upgrade: {farm: content, to: web 2, style: in_place, machines_at_once: 1}},
  {at: 5458 s, lose: site},
  {at: 5755 s, bad_machine: {machine: B-compute-1, duration: 20 min}},
  {at: 6087 s, script_hangs: {site: B, times: 2}}]
""",
    # the site is read first (19)
    "machines that died before it was heard that they were made": """\
run_for: 4 h
seed: 476
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
physical: {A: {compute: 3}, B: {compute: 2}, C: {compute: 3}}
images: {web 1: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B, C]}, web 2: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A]}}
farms: {content: {image: web 1, front_end: 3, timer: 1}}
failover: {mode: manual}
after_failover: {new_secondary: none}
cloud: {mirror: {mode: jobs, every: 5 min, audit: 0 s, on_failure: rebuild}, provision: {at_most: 5 min, otherwise: redirect}}
jobs: {at_once: 4, time_limit: 15 min, retry: 20 s, attempts: 1, set: 10 s, rebuild: 3 min, by_hand: 5 min}
changes: {rate: 0 per hour, takes: 30 s, fail: 0 %}
events: [{at: 2311 s, upgrade: {farm: content, to: web 2, style: new_farm, tenants_at_once: 2}},
  {at: 2410 s, bad_image: {image: web 2, after: 5 min}},
  {at: 2515 s, agent_silent: {site: B, duration: 40 min}}]
""",
    # one that is replaced is judged once, and not counted for the others (17)
    "machines that die again and again": """\
run_for: 4 h
seed: 436
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
copies: {B: {}, C: {}}
physical: {A: {compute: 4}, B: {compute: 2}, C: {compute: 4}}
images: {web 1: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B, C]}, web 2: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A]}}
farms: {content: {image: web 1, front_end: 2, timer: 1}}
failover: {mode: automatic}
after_failover: {new_secondary: none}
cloud: {mirror: {mode: runbook, every: 0 s, audit: 0 s, on_failure: retry}, provision: {at_most: 1 h, otherwise: redirect}}
jobs: {at_once: 1, time_limit: 15 min, retry: 20 s, attempts: 2, set: 10 s, rebuild: 3 min, by_hand: 5 min}
changes: {rate: 0 per hour, takes: 30 s, fail: 0 %}
events: [{at: 4677 s, upgrade: {farm: content, to: web 2, style: new_farm, tenants_at_once: 1}},
  {at: 5101 s, lose: site},
  {at: 6048 s, bad_image: {image: web 2, after: 5 min}}]
""",
}


@pytest.mark.parametrize("name", FOUND)
def test_nothing_is_broken(name: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(FOUND[name])
    of = World(load_scenario(path))
    of.run()
    assert cloud_broken(of.journal, of.scenario) == []
