"""Runs the tests of generated code, one by one, and reports the outcome of each.

python.rs starts this program, with equality.py and planning.py above it. The job is JSON on standard input. Each message is a
line of JSON behind a secret, on the original standard output. What the code prints goes to standard error. Code that searches
the interpreter's memory can find everything here. It can forge its verdicts, but it cannot leave the sandbox.
"""


def main():
    import ast
    import faulthandler
    import json
    import os
    import re
    import reprlib
    import signal
    import sys
    import threading
    import time
    import types

    job = json.loads(sys.stdin.buffer.read())
    secret, code, limit, first = job["secret"].encode(), job["code"], job["timeout"], job["start"]
    channel = os.dup(1)
    os.dup2(2, 1)
    sys.path[:] = [folder for folder in sys.path if folder]
    # The limit of memory counts addresses, and each thread reserves its whole stack.
    threading.stack_size(1 << 20)

    # These are looked up before the code can replace them.
    dumps, write, clock, cpu_clock, exit_now = json.dumps, os.write, time.monotonic, time.process_time, os._exit
    set_timer, real_timer, where_late = signal.setitimer, signal.ITIMER_REAL, faulthandler.dump_traceback_later
    not_late, hear, alarm = faulthandler.cancel_dump_traceback_later, signal.signal, signal.SIGALRM
    is_instance, type_of, execute, compiler, evaluate = isinstance, type, exec, compile, eval
    builtin_names = frozenset(dir(__builtins__))
    assertion, exits, all_errors, no_memory = AssertionError, SystemExit, BaseException, MemoryError
    streams = (sys.stdout, sys.stderr)
    decider = equality([job["setup"], *job["tests"]], job["read"])
    lines = code.split("\n")
    # The address of a value is different in each run.
    address = re.compile(r" at 0x[0-9a-f]{6,}| id='[0-9]{9,}'(?=>)")
    # A variable with such a name has the expected value, unless the code defines a function of this name.
    wanted, own = re.compile(r"(?:expect|want)\w*", re.IGNORECASE), frozenset(re.findall(r"\b(?:def|class)\s+(\w+)", code))
    TICK, SHOWN = 0.01, 300

    def tell(**what):
        """Writes a message."""
        # A text may have a lone surrogate, which UTF-8 cannot encode.
        data = secret + b" " + dumps(what, ensure_ascii=False).encode(errors="replace") + b"\n"
        while data:
            data = data[write(channel, data) :]

    class Short(reprlib.Repr):
        """Makes a short text of a value, without addresses."""

        def repr_instance(self, value, level):
            text = super().repr_instance(value, level)
            return text if is_instance(value, (str, bytes)) else address.sub("", text)

    short = Short()
    short.maxlist = short.maxtuple = short.maxset = short.maxfrozenset = short.maxdeque = short.maxarray = short.maxdict = 30
    short.maxstring = short.maxlong = SHOWN
    # The text is cut in `show`, after the addresses were removed. An earlier cut might divide an address.
    short.maxlevel, short.maxother = 6, 1 << 16

    def show(value):
        """Returns a value as a text of limited length."""
        try:
            text = short.repr(value)
        except Late:
            raise
        except all_errors as error:
            text = "a value that cannot be shown (%s)" % type_of(error).__name__
        return text if len(text) <= SHOWN else text[: SHOWN * 2 // 3] + " … " + text[-SHOWN // 3 :]

    def line_of(number):
        """Returns the number and the text of a line of the code."""
        text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
        return "line %d: `%s`" % (number, text[:120]) if text else "line %d" % number

    # Time: a timer ticks 100 times a second. Each tick counts the line that the code is at.

    class Late(BaseException):
        """The time of a test is over."""

    class Watch:
        """Measures and limits the time of a step."""

        def __init__(self):
            self.where, self.ticks, self.told, self.telling = {}, 0, False, False

        def start(self, name):
            self.where, self.ticks, self.told, self.name = {}, 0, False, name
            self.began, self.cpu = clock(), cpu_clock()
            # The code may have set its own handler, for a time limit.
            hear(alarm, self.tick)
            # During one call of C code no tick is handled. A thread of faulthandler then writes the traceback.
            try:
                where_late(2 * limit + 0.5, exit=False, file=2)
            except RuntimeError:
                pass  # There is no memory for a thread. Only the line is missing then.
            set_timer(real_timer, TICK, TICK)

        def stop(self):
            """Stops the timer. Returns the seconds that the step took."""
            set_timer(real_timer, 0)
            not_late()
            return clock() - self.began

        def tick(self, _signal, frame):
            """Counts the innermost line of the code. Raises Late if the time is over."""
            # On a slow machine the next tick comes while the last one still reports. It must not break off the report.
            if self.telling:
                return
            self.ticks += 1
            depth = 0
            while frame is not None and depth < 100:
                if frame.f_code.co_filename == "<answer>":
                    place = (frame.f_code.co_name, frame.f_lineno)
                    self.where[place] = self.where.get(place, 0) + 1
                    break
                frame, depth = frame.f_back, depth + 1
            if cpu_clock() - self.cpu > limit or clock() - self.began > 2 * limit:
                if not self.told:
                    self.told = self.telling = True
                    try:
                        tell(late=self.profile())
                    finally:
                        self.telling = False
                raise Late()

        def profile(self):
            """Returns the three lines with the most time, as a text."""
            most = sorted(self.where.items(), key=lambda item: -item[1])[:3]
            part = lambda name, number, count: "%d%% in %s%s" % (
                round(100 * count / self.ticks),
                "" if name == "<module>" else "`%s`, " % name,
                line_of(number),
            )
            return "; ".join(part(name, number, count) for (name, number), count in most if count * 20 >= self.ticks)

    watch = Watch()

    def why(error):
        """Returns an error in words, with the lines of the code that it went through."""
        if is_instance(error, SyntaxError) and error.filename == "<answer>":
            return "%s: %s (%s)" % (type_of(error).__name__, error.msg, line_of(error.lineno or 0))
        frames, trace = [], error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<answer>":
                name = trace.tb_frame.f_code.co_name
                frames.append(("" if name == "<module>" else "in `%s`, " % name) + line_of(trace.tb_lineno))
            trace = trace.tb_next
        if is_instance(error, exits):
            itself = "the setup itself" if watch.name == "setup" else "the test itself"
            text = "%s ended the interpreter (SystemExit)" % ("the code" if frames else itself)
        else:
            try:
                said = str(error)
            except all_errors:
                said = ""
            said = address.sub("", said)
            said = said if len(said) <= SHOWN else said[:SHOWN] + " …"
            text = type_of(error).__name__ + (": " + said if said else "")
        # An error without a number was raised by the code itself.
        if is_instance(error, PermissionError) and error.errno is not None:
            text += " (the code runs without network, processes, and files outside of its folder)"
        if is_instance(error, no_memory):
            text += " (more memory than is allowed)"
        if len(frames) > 4:
            frames = frames[:1] + ["…"] + frames[-2:]
        return text + ("; " + " → ".join(frames) if frames else "")

    # Values: while an assert runs, the values of its parts are recorded.

    seen, asserts, sides, compared, awaited, forged = {}, {}, {}, {}, {}, []

    def see(place, index, source, value):
        """Records the value of a part of an assert, and returns it."""
        values = seen.setdefault(place, {})
        values[index] = (source, value)
        # This is checked before the operator runs, because the operator may run a method of the answer.
        if (place, index) in compared:
            name = decider(values[index - 1][1], value, compared[place, index])
            if name is not None:
                forged.append(name)
        return value

    class Looking(ast.NodeTransformer):
        """Changes the asserts of a text so that the values of their parts are recorded."""

        def __init__(self, name, source):
            self.name, self.source = name, source

        def text(self, node):
            """Returns the source of a node in one line."""
            text = ast.get_source_segment(self.source, node) or "…"
            return re.sub(r"\s+", " ", text)

        def wrap(self, index, node, inner):
            """Returns a call of `see` around a part of an assert."""
            arguments = [ast.Constant(self.place), ast.Constant(index), ast.Constant(self.text(node)), inner]
            call = ast.Call(ast.Name("__gepard_see__", ast.Load()), arguments, [])
            return ast.copy_location(call, node)

        def place_of(self, node):
            return "%s:%d:%d" % (self.name, node.lineno, node.col_offset)

        def visit_Try(self, node):
            # In `try: f(-1); assert False; except ValueError: …` the assert fails if no error is raised.
            errors = " or ".join(self.text(handler.type) for handler in node.handlers if handler.type) or "an error"
            for before, then in zip(node.body, node.body[1:] + node.orelse[:1]):
                if is_instance(then, ast.Assert) and is_instance(then.test, ast.Constant):
                    awaited[self.place_of(then)] = "expected `%s` to raise %s" % (self.text(before)[:200], errors)
            return self.generic_visit(node)

        def visit_Assert(self, node):
            self.place = self.place_of(node)
            # The assert gets a line number of its own, after all others, because a line may have several asserts.
            number = len(self.source.splitlines()) + len(asserts) + 1
            asserts[self.name, number] = (self.place, node.test, self.text(node.test), type_of(node.test))
            self.calls = 0
            test = node.test
            if is_instance(test, ast.Compare):
                both = [test.left] + test.comparators
                sides[self.place] = [self.text(side) for side in both]
                for index, operator in enumerate(test.ops):
                    if is_instance(operator, (ast.Eq, ast.In)):
                        compared[self.place, index + 1] = is_instance(operator, ast.In)
                wrapped = [self.wrap(index, side, self.inside(side)) for index, side in enumerate(both)]
                new = ast.Compare(wrapped[0], test.ops, wrapped[1:])
            elif is_instance(test, ast.UnaryOp) and is_instance(test.op, ast.Not):
                new = ast.UnaryOp(test.op, self.wrap(0, test.operand, self.inside(test.operand)))
            else:
                new = self.wrap(0, test, self.inside(test))
            new = ast.copy_location(ast.Assert(ast.copy_location(new, test), node.msg), node)
            for part in ast.walk(new):
                if hasattr(part, "lineno"):
                    part.lineno = part.end_lineno = number
                    part.col_offset = part.end_col_offset = 0
            return new

        def inside(self, node):
            """Returns a part of an assert in which the calls of functions are recorded."""
            outer = self

            class Calls(ast.NodeTransformer):
                def visit_Call(self, call):
                    inner = ast.copy_location(ast.Call(call.func, [self.visit(a) for a in call.args], call.keywords), call)
                    name = call.func.id if is_instance(call.func, ast.Name) else ""
                    if name in builtin_names or not name:
                        return inner
                    outer.calls += 1
                    return outer.wrap("call%d" % outer.calls, call, inner)

                def leave(self, other):
                    return other

                visit_Lambda = visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = leave

            return Calls().visit(node)

    def calls_of(values, but):
        """Returns what the recorded calls returned, in words, without the calls in `but`. There are at most four."""
        found, told = [], set(but)
        for index in values:
            source, value = values[index]
            if is_instance(index, str) and source not in told:
                told.add(source)
                found.append("`%s` returned %s" % (source[:200], show(value)))
        return found[:4]

    def parting(actual, expected):
        """Returns the first difference of two lists or texts, in words."""
        if type_of(actual) is not type_of(expected) or not is_instance(actual, (list, tuple, str, bytes)):
            return ""
        try:
            differing = (at for at, (one, other) in enumerate(zip(actual, expected)) if one is not other and one != other)
            at = next(differing, min(len(actual), len(expected)))
            piece = lambda value: value[at : at + 20] if is_instance(value, (str, bytes)) else value[at]
            a, e = [show(piece(value)) if at < len(value) else "nothing" for value in (actual, expected)]
        except all_errors:
            return ""  # The items cannot be compared.
        return "; the first difference is at index %d: expected %s, got %s" % (at, e, a)

    def alike(values, test):
        """Returns what an assert compared, in words: the expected and the actual value if the assert shows which is which."""
        (left, actual), (right, expected) = values[0], values[1]
        made = lambda text: any(s == text or s in text for i, (s, _) in values.items() if is_instance(i, str))
        # The expected value is a constant or has such a name. Otherwise it is the side without a call.
        called = lambda found: found is not None and found.group() not in own
        given = lambda node, text: not kinds(node, ast.Name, ast.Call) or called(wanted.match(text))
        one, other = given(test.left, left), given(test.comparators[0], right)
        if one if one != other else made(right) and not made(left):
            (left, actual), (right, expected) = (right, expected), (left, actual)
        if not is_instance(test.ops[0], ast.Eq):
            return "`%s` is %s, and `%s` is %s" % (left[:200], show(actual), right[:200], show(expected))
        a, e = show(actual), show(expected)
        long = max(len(a), len(e)) > 100
        if a == e or type_of(actual) is not type_of(expected) and actual is not None:
            a, e = "%s (%s)" % (a, type_of(actual).__name__), "%s (%s)" % (e, type_of(expected).__name__)
        return "expected %s, but `%s` is %s%s" % (e, left[:200], a, parting(actual, expected) if long else "")

    def stands_in(error):
        """Returns the assert of a test that an error went through, and the traceback there. None where there is none."""
        trace = error.__traceback__
        while trace is not None:
            found = asserts.get((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
            if found is not None:
                return (*found, trace)
            trace = trace.tb_next
        return None

    def broke(error):
        """Returns an error in words, with the recorded and the expected values of the assert that it went through."""
        found = stands_in(error)
        if found is None:
            return why(error)
        place, test, text, kind, _ = found
        values = seen.get(place, {})
        words = ["`assert %s` could not be decided: %s" % (text[:300], why(error))] + calls_of(values, [])
        if kind is ast.Compare and len(test.ops) == 1 and type_of(test.ops[0]) is ast.Eq and 1 not in values:
            try:
                words.append("expected %s" % show(evaluate(sides[place][1], space)))
            except all_errors:
                pass  # The text of the assert shows it too.
        elif kind is not ast.Compare:
            words.append("expected a %s value" % ("false" if kind is ast.UnaryOp else "true"))
        return "; ".join(words)

    def failed(error):
        """Returns an assertion that failed, in words, with its values. None where it is not an assertion of the tests."""
        found = stands_in(error)
        if found is None or found[-1].tb_next is not None:
            return None
        place, test, text, kind, _ = found
        values = seen.get(place, {})
        words = ["`assert %s` failed" % text[:300]]
        if place in awaited:
            words.append(awaited[place])
        elif kind is ast.Compare and len(test.ops) == 1 and 0 in values and 1 in values:
            words.append(alike(values, test))
            words += calls_of(values, [values[0][0], values[1][0]])
        elif kind is not ast.Compare and 0 in values:
            wanted, (source, value) = "false" if kind is ast.UnaryOp else "true", values[0]
            words.append("expected a %s value, but `%s` is %s" % (wanted, source[:200], show(value)))
            words += calls_of(values, [source])
        else:
            words += calls_of(values, [])
        if error.args:
            words.append("the test says: %s" % show(error.args[0]))
        return words[0] + ": " + "; ".join(words[1:]) if len(words) > 1 else words[0]

    module = types.ModuleType("answer")
    sys.modules["answer"] = module
    space = module.__dict__

    def prepared(name, source, body):
        """Returns a function that runs a step. It is compiled before the code is loaded, so that the code cannot change it."""
        looking = Looking(name, source)
        tree = ast.Module([looking.visit(statement) for statement in body], [])
        compiled = compiler(ast.fix_missing_locations(tree), name, "exec")

        def run():
            space["__gepard_see__"] = see
            execute(compiled, space)

        return run

    def guarded(name, what):
        """Runs a step. Returns the problem in words, None where there is none, and the seconds that the step took."""
        seen.clear()
        forged.clear()
        watch.start(name)
        problem = None
        try:
            try:
                what()
                if forged:
                    problem = "`%s` decides by an `__eq__` of its own what it is equal to" % forged[0]
            finally:
                seconds = watch.stop()
        except Late:
            problem = "late"
        except assertion as error:
            problem = failed(error) or broke(error)
        except all_errors as error:
            problem = broke(error)
        for stream in streams:
            try:
                stream.flush()
            except all_errors:
                pass
        return problem, seconds

    try:
        steps = [(name, prepared(name, source, body), tests, line) for name, source, body, tests, line in plan(job)]
    except SyntaxError as error:
        tell(broken="the tests cannot be read: %s in line %s: %s" % (error.msg, error.lineno, (error.text or "").strip()[:120]))
        exit_now(0)
    except (ValueError, RecursionError, MemoryError) as error:
        tell(broken="the tests cannot be read: %s" % error)
        exit_now(0)
    names = [line for _, _, tests, line in steps if tests]
    if not names:
        left_out = "classes, fixtures, `unittest` and what stands under `if __name__` are not run"
        tell(broken="there is nothing to test: no assert is reached (functions `test_…()` that take nothing are called; %s)" % left_out)
        exit_now(0)
    tell(tests=names)

    def set_up():
        execute(compiler(job["setup"], "<setup>", "exec"), space)

    def load():
        execute(compiler(code, "<answer>", "exec"), space)

    # The setup runs before the code is loaded, so that the code cannot change it.
    problem, _ = guarded("setup", set_up)
    tell(ready=problem)
    if problem is not None:
        exit_now(0)
    problem, _ = guarded("load", load)
    tell(loaded=problem)
    if problem is None:
        number = -1
        for name, run, tests, line in steps:
            if not tests:
                problem, _ = guarded(name, run)
                # Each step has its own time limit.
                tell(loaded=problem and "%s: %s" % ("before the tests" if number < 0 else "`%s`" % line, problem))
                if problem is not None:
                    break
                continue
            number += 1
            if number < first:
                continue
            tell(begun=number)
            problem, seconds = guarded(name, run)
            slow = watch.profile() if seconds > limit / 4 else ""
            tell(ended={"number": number, "problem": problem, "slow": slow})
    tell(done=None)
    exit_now(0)


main()
