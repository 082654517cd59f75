"""`python -m tests.fuzz [TARGET…]`: mutate, measure, print a table; exit code 1 when anything was found.

What was found is written below `.nox/fuzz/` and told in `.nox/evidence/fuzz`, which is not there when nothing was.
`--keep` minimises the corpus and writes it into the tree.
"""

import argparse
import math
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from typing import NamedTuple

from aimx import log
from tests import evidence
from tests.fuzz import cost, engine, targets
from tests.fuzz.target import CORPUS, ROOT, TARGETS

_OUT = ROOT / ".nox" / "fuzz"
_EVIDENCE = ROOT / evidence.EVIDENCE / "fuzz"
_WORST = 3  # families of a target that are shown
_LONG_S = 300.0  # a run of so many seconds of each target measures the cost of every family


class Options(NamedTuple):
    """What was asked for."""

    seconds: float
    cost_seconds: float
    seed: int
    executions: int | None
    keep: bool


class Outcome(NamedTuple):
    """All of one target."""

    told: engine.Told
    grown: list[cost.Growth]
    families: int

    @property
    def left_out(self) -> int:
        """Families whose cost time was too short for."""
        return self.families - len(self.grown)


def _one(name: str, options: Options) -> Outcome:
    target = TARGETS[name]
    told, fuzzer = engine.fuzz(target, options.seconds, options.seed, options.executions)
    entries = fuzzer.minimised() if options.keep else fuzzer.entries
    if options.keep:
        _keep(name, entries)
    grown, families = cost.table(target, entries, options.cost_seconds, options.seed)
    return Outcome(told, grown, families)


def _keep(name: str, entries: list[bytes]) -> None:
    directory = CORPUS / name
    directory.mkdir(parents=True, exist_ok=True)
    wanted = {engine.name_of(octets): octets for octets in entries}
    for path in directory.iterdir():
        if path.name not in wanted:
            path.unlink()
    for file, octets in wanted.items():
        (directory / file).write_bytes(octets)


def _report(outcome: Outcome) -> bool:
    """Print; whether all is well."""
    told = outcome.told
    print(
        f"{told.name:18} {told.executions:9,} executions  {told.edges:6,} edges (+{told.new_edges})  corpus "
        f"{told.entries:4} (+{told.new_entries})  slowest {told.slowest_s * 1000:6.0f} ms  {len(told.finds)} finds  "
        f"cost of {len(outcome.grown)}/{outcome.families} families",
        flush=True,
    )
    harmful = [one for one in outcome.grown if one.harmful]
    for find in told.finds:
        path = _OUT / told.name / engine.name_of(find.octets)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(find.octets)
        _found(f"FIND {told.name}: {find.place}: {path}\n{find.text}")
    for one in harmful:
        how = f"COSTLY (over {one.within_s:.1f} s)" if one.costly else "SUPER-LINEAR"
        _found(f"{how} {told.name}: {one.family}: exponent {one.exponent:.2f}, {one.at_bound_s:.2f} s at the bound\n"
               f"    {', '.join(f'{octets}: {seconds * 1000:.1f} ms' for octets, seconds in one.points)}")  # fmt: skip
    return not told.finds and not harmful


def _found(what: str) -> None:
    """Told at once, and kept for whoever asks afterwards."""
    print(f"  {what}", flush=True)
    evidence.leave(_EVIDENCE, f"{what}\n")


def _costs(outcomes: list[Outcome]) -> None:
    print(f"\n{'target':18} {'family':64} {'octets':>8} {'CPU ms':>8} {'exponent':>8} {'at the bound':>14}")
    for outcome in sorted(outcomes, key=lambda outcome: outcome.told.name):
        for one in outcome.grown[:_WORST]:
            octets, seconds = one.points[-1]
            exponent = f"{one.exponent:.2f}" if one.exponent and math.isfinite(one.exponent) else "-"
            bound = TARGETS[outcome.told.name].bound
            print(
                f"{outcome.told.name:18} {one.family[:64]:64} {octets:8} {seconds * 1000:8.1f} {exponent:>8} "
                f"{one.at_bound_s:6.2f} s {bound // 1024:4} K"
            )


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(sorted(TARGETS))}")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("AIMX_FUZZ_SECONDS", "10")))
    parser.add_argument(
        "--cost-seconds", type=float,
        help=f"for the measurements of a target; as --seconds, or all of them where that is {_LONG_S:.0f} or more",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=seed(), help="today's date unless given")
    parser.add_argument("--executions", type=int, help="of each target; the run is then the same every time")
    parser.add_argument("--keep", action="store_true", help="minimise the corpus and write it into the tree")
    parser.add_argument("--side-by-side", type=int, default=2)
    given = parser.parse_args()
    unknown = set(given.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    return given


def seed() -> int:
    """Another every day, and the same to whoever repeats a run: AIMX_FUZZ_SEED, or the date."""
    return int(os.environ.get("AIMX_FUZZ_SEED") or f"{datetime.now(UTC):%Y%m%d}")


def main() -> int:
    """The command."""
    given = _given()
    cost_s = math.inf if given.seconds >= _LONG_S else given.seconds
    cost_s = cost_s if given.cost_seconds is None else given.cost_seconds
    options = Options(given.seconds, cost_s, given.seed, given.executions, given.keep)
    log.quiet()
    evidence.forget(_EVIDENCE)
    print(f"seed {given.seed}; --seed {given.seed} begins at the same place", flush=True)
    began = time.monotonic()
    outcomes: list[Outcome] = []
    well = True
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(given.side_by_side, context, max_tasks_per_child=None) as pool:
        runs = {pool.submit(_one, name, options): name for name in given.targets or TARGETS}
        for run in as_completed(runs):
            try:
                outcomes.append(run.result())
            except Exception as error:
                _found(f"{runs[run]}: the run itself broke: {error!r}")
                well = False
                continue
            well = _report(outcomes[-1]) and well
    _costs(outcomes)
    _summed(outcomes, time.monotonic() - began, given.seed)
    return 0 if well else 1


def _summed(outcomes: list[Outcome], took_s: float, seed: int) -> None:
    short = sorted((outcome for outcome in outcomes if outcome.left_out), key=lambda one: -one.left_out)
    if short:
        print(f"\nNOT MEASURED: the cost of {sum(one.left_out for one in short):,} of "
              f"{sum(one.families for one in outcomes):,} families, for want of time: "
              f"{', '.join(f'{one.told.name} {one.left_out}' for one in short)}")  # fmt: skip
    total = sum(outcome.told.executions for outcome in outcomes)
    finds = sum(len(outcome.told.finds) for outcome in outcomes)
    slow = sum(one.harmful for outcome in outcomes for one in outcome.grown)
    print(f"\n{len(outcomes)} targets, {total:,} executions, {finds} finds, {slow} too costly, {took_s:.0f} s, "
          f"seed {seed}")  # fmt: skip


assert targets.__all__
if __name__ == "__main__":
    sys.exit(main())
