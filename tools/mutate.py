r"""Mutation score: cosmic-ray's operators on modules, each mutant against the tests of its line.

Command: PYTHONPATH=ENV python tools/mutate.py trainer/metrics --tests tests/trainer/metrics \
--sample 150 --out metrics.json

ENV is the site-packages of an environment with cosmic-ray and coverage; pytest runs in this one.
The tests run once with coverage, which says which of them execute which line. Each mutant is a
process forked from this one, which has imported torch and numpy but nothing of the project: it
compiles the changed source in place of the file (which is never written) and runs the tests of the
changed statement, fastest first, until one fails. Not counted: mutants that are no Python, or
change only an annotation.
"""

import argparse
import ast
import json
import os
import random
import re
import resource
import signal
import sys
import time
import warnings
from importlib.machinery import SourceFileLoader
from itertools import islice
from pathlib import Path

import coverage
import numpy  # noqa: F401
import pytest
import scipy.ndimage  # noqa: F401
import torch  # noqa: F401
import zarr  # noqa: F401
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider

OPTIONS = ["-q", "-x", "-n", "0", "-p", "no:cacheprovider"]
OPTIONS += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
# These two need arguments: they rename variables that the user lists.
LEFT_OUT = ("VariableReplacer", "VariableInserter")
DIED = ("killed", "time limit")


def bare(text):
    """A source without its annotations, as text that can be compared; None if it is no Python."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        for name in {"annotation", "returns"} & set(node._fields):
            setattr(node, name, None)
    return ast.dump(tree)


def places(file):
    """Where a file can be changed: the operator, which of its occurrences, and the line."""
    operators, nodes = OperatorProvider(), list(ast_nodes(get_ast(file.read_text())))
    for name in sorted(set(operators) - set(LEFT_OUT)):
        operator = operators[name]()
        found = (first[0] for node in nodes for first, _ in operator.mutation_positions(node))
        for occurrence, line in enumerate(found):
            yield {"file": str(file), "operator": name, "occurrence": occurrence, "line": line}


def mutants(chosen):
    """The places with the changed source of each; what changes nothing or is no Python is out."""
    operators, seen = OperatorProvider(), {None}
    for place in chosen:
        text = Path(place["file"]).read_text()
        try:
            changed = mutate_code(text, operators[place["operator"]](), place["occurrence"])
        except AttributeError:  # ExceptionReplacer knows no dotted name
            continue
        seen.add(bare(text))
        if changed is not None and (same := bare(changed)) not in seen:
            seen.add(same)
            yield {**place, "text": changed}


def around(file, line):
    """The lines of the innermost statement at a line (of a block: its head), and its functions."""
    lines, functions = range(line, line + 1), set()
    for node in ast.walk(ast.parse(Path(file).read_text())):
        if not isinstance(node, ast.stmt | ast.ExceptHandler):
            continue
        first = min(one.lineno for one in [node, *getattr(node, "decorator_list", ())])
        inner = getattr(node, "body", ())
        head = range(first, inner[0].lineno if inner else node.end_lineno + 1)
        if line in head:
            lines = head
        elif isinstance(node, ast.FunctionDef) and node.lineno <= line <= node.end_lineno:
            functions.add(node.name)
    return lines, functions


def naming(file, lines, tests):
    """The tests in files that name what a statement at a module's top assigns."""
    nodes = [
        n for top in ast.parse(file.read_text()).body if top.lineno in lines for n in ast.walk(top)
    ]
    names = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    paths = {test.partition("::")[0] for test in tests}
    telling = {p for p in paths if names & set(re.findall(r"\w+", Path(p).read_text()))}
    return {test for test in tests if test.partition("::")[0] in telling}


class Watch:
    """A plug-in of pytest: how long each test took; coverage learns which test runs."""

    def __init__(self, measured):
        self.measured, self.seconds = measured, {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.measured.switch_context(item.nodeid)
        start = time.perf_counter()
        result = yield
        self.seconds[item.nodeid] = time.perf_counter() - start
        return result


def forked(work, timeout_s):
    """Exit status of ``work`` in a forked process; None past the time limit."""
    if (child := os.fork()) == 0:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1), os.dup2(null, 2)
        os._exit(work())
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if (done := os.waitpid(child, os.WNOHANG))[0]:
            return os.waitstatus_to_exitcode(done[1])
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def baseline(files, tests, out):
    """The seconds of each test, and file -> line -> tests, from one run with coverage."""

    def work():
        measured = coverage.Coverage(include=[str(f.resolve()) for f in files], data_file=None)
        measured.start()
        watch = Watch(measured)
        status = pytest.main([*OPTIONS, *tests], plugins=[watch])
        measured.stop()
        data = measured.get_data()
        lines = {str(f): data.contexts_by_lineno(str(f.resolve())) for f in files}
        out.write_text(json.dumps([watch.seconds, lines]))
        return int(status)

    if (status := forked(work, 1800)) != 0:
        sys.exit(f"the tests fail without any mutant (status {status})")
    return json.loads(out.read_text())


def fate(mutant, seconds, lines):
    """What becomes of a mutant: killed, time limit, survived, or no test of its line."""
    file, hit = Path(mutant["file"]), lines[mutant["file"]]
    statement, functions = around(file, mutant["line"])
    # What runs at import may be imported first within any test.
    of = [hit.get(str(line), ()) for line in statement] if functions else hit.values()
    tests = {test for some in of for test in some} - {""}
    if not functions:  # a value may be looked at without any line of its module; if by nobody: all
        tests = tests | naming(file, statement, seconds) or set(seconds)
    tests = sorted(tests, key=seconds.get)
    if not tests:
        return "no test"

    def work():
        original = SourceFileLoader.get_code

        def get_code(loader, name):
            if Path(loader.path).resolve() != file.resolve():
                return original(loader, name)
            with warnings.catch_warnings():  # of the compiler, as of ``is`` with a text
                warnings.simplefilter("ignore")
                return compile(mutant["text"], loader.path, "exec")

        SourceFileLoader.get_code = get_code
        status = pytest.main([*OPTIONS, *tests])
        if status == pytest.ExitCode.USAGE_ERROR:  # no import, or a test has another name
            status = pytest.main([*OPTIONS, *sorted({test.partition("::")[0] for test in tests})])
        return int(status)

    status = forked(work, 60 + 5 * sum(seconds[t] for t in tests))
    return {None: "time limit", 0: "survived"}.get(status, "killed")


def main():
    """Tries the mutants, prints those that no test notices, and the score."""
    parse = argparse.ArgumentParser()
    parse.add_argument("modules", nargs="+", type=Path, help="files, or folders of them")
    parse.add_argument("--functions", nargs="+", help="only what is in functions of these names")
    parse.add_argument("--tests", nargs="+", required=True)
    parse.add_argument("--sample", type=int, help="this many, drawn at random (default: all)")
    parse.add_argument("--seed", type=int, default=0)
    parse.add_argument("--out", type=Path, required=True, help="JSON of every mutant tried")
    parse.add_argument("--again", action="store_true", help="only what survived in --out")
    given = parse.parse_args()
    files = [f for m in given.modules for f in (sorted(m.rglob("*.py")) if m.is_dir() else [m])]
    every = [place for f in files for place in places(f)]
    if wanted := set(given.functions or ()):
        every = [place for place in every if wanted & around(place["file"], place["line"])[1]]
    random.Random(given.seed).shuffle(every)
    tried = list(islice(mutants(every), given.sample))
    old = json.loads(given.out.read_text()) if given.again else []
    died = {(m["file"], m["text"]) for m in old if m["fate"] in DIED}
    seconds, lines = baseline(files, given.tests, given.out.with_suffix(".lines.json"))
    file = max(map(str, files), key=lambda name: len(lines[name]))
    same = {"file": file, "line": 1, "text": Path(file).read_text()}
    assert fate(same, seconds, lines) == "survived", "a file as it is must pass, run as mutants are"
    for number, mutant in enumerate(tried, 1):
        known = (mutant["file"], mutant["text"]) in died
        mutant["fate"] = "killed" if known else fate(mutant, seconds, lines)
        if mutant["fate"] not in DIED:
            before, after = Path(mutant["file"]).read_text(), mutant["text"]
            before, after = (t.splitlines()[mutant["line"] - 1].strip() for t in (before, after))
            print(f"{mutant['file']}:{mutant['line']} {mutant['operator']} {mutant['fate']}")
            print(f"  - {before}\n  + {after}", flush=True)
        given.out.write_text(json.dumps(tried[:number]))
    count = sum(mutant["fate"] in DIED for mutant in tried)
    print(f"tried {len(tried)}, {len(every)} places, killed {count} ({count / len(tried):.1%})")


if __name__ == "__main__":
    main()
