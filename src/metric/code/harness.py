"""Runs the tests of a piece of generated code, one by one, and says what became of each.

Started by python.rs. The job comes as JSON on standard input; what became of it goes, a line of JSON each behind a secret, to
what was standard output. The code's own standard output is standard error. Nothing here is safe from code that looks for it in
the interpreter's memory: it can forge its verdicts, but it cannot leave the sandbox.
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
    import time
    import types

    job = json.loads(sys.stdin.buffer.read())
    secret, code, limit, first = job["secret"].encode(), job["code"], job["timeout"], job["start"]
    channel = os.dup(1)
    os.dup2(2, 1)
    sys.path[:] = [folder for folder in sys.path if folder]

    # Taken before the code can replace them.
    dumps, write, clock, cpu_clock, exit_now = json.dumps, os.write, time.monotonic, time.process_time, os._exit
    set_timer, real_timer, where_late = signal.setitimer, signal.ITIMER_REAL, faulthandler.dump_traceback_later
    not_late, is_instance, type_of, function = faulthandler.cancel_dump_traceback_later, isinstance, type, types.FunctionType
    builtin_names, execute, compiler, evaluate = frozenset(dir(__builtins__)), exec, compile, eval
    assertion, exits, all_errors, no_memory = AssertionError, SystemExit, BaseException, MemoryError
    streams = (sys.stdout, sys.stderr)
    # What no `__eq__` decides, or where it gains nothing: any value is unequal to most.
    harmless = (ast.Is, ast.IsNot, ast.NotEq, ast.NotIn)
    lines = code.split("\n")
    TICK, SHOWN = 0.01, 300

    def tell(**what):
        data = secret + b" " + dumps(what).encode() + b"\n"
        while data:
            data = data[write(channel, data) :]

    short = reprlib.Repr()
    short.maxlist = short.maxtuple = short.maxset = short.maxfrozenset = short.maxdeque = short.maxarray = short.maxdict = 30
    short.maxstring = short.maxother = short.maxlong = SHOWN
    short.maxlevel = 6

    def show(value):
        try:
            text = short.repr(value)
        except Late:
            raise
        except all_errors as error:
            text = "a value that cannot be shown (%s)" % type_of(error).__name__
        return text if len(text) <= SHOWN else text[: SHOWN * 2 // 3] + " … " + text[-SHOWN // 3 :]

    def line_of(number):
        text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
        return "line %d: `%s`" % (number, text[:120]) if text else "line %d" % number

    # Time: a tick every hundredth of a second sees where the code is.

    class Late(BaseException):
        pass

    class Watch:
        def __init__(self):
            self.where, self.ticks, self.told = {}, 0, False

        def start(self, name):
            self.where, self.ticks, self.told, self.name = {}, 0, False, name
            self.began, self.cpu = clock(), cpu_clock()
            # Within one call of C no tick is heard; a thread writes where that is.
            try:
                where_late(2 * limit + 0.5, exit=False, file=2)
            except RuntimeError:
                pass  # No memory for a thread: only the line is missing then.
            set_timer(real_timer, TICK, TICK)

        def stop(self):
            set_timer(real_timer, 0)
            not_late()
            return clock() - self.began

        def tick(self, _signal, frame):
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
                    self.told = True
                    tell(late=self.profile())
                raise Late()

        def profile(self):
            most = sorted(self.where.items(), key=lambda item: -item[1])[:3]
            part = lambda name, number, count: "%d%% in %s%s" % (
                round(100 * count / self.ticks),
                "" if name == "<module>" else "`%s`, " % name,
                line_of(number),
            )
            return "; ".join(part(name, number, count) for (name, number), count in most if count * 20 >= self.ticks)

    watch = Watch()
    signal.signal(signal.SIGALRM, watch.tick)

    def why(error):
        """An error in words, with the lines of the code that it went through."""
        if is_instance(error, SyntaxError) and error.filename == "<answer>":
            return "%s: %s (%s)" % (type_of(error).__name__, error.msg, line_of(error.lineno or 0))
        frames, trace = [], error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<answer>":
                name = trace.tb_frame.f_code.co_name
                frames.append(("" if name == "<module>" else "in `%s`, " % name) + line_of(trace.tb_lineno))
            trace = trace.tb_next
        if is_instance(error, exits):
            text = "the code ended the interpreter (SystemExit)"
        else:
            try:
                said = str(error)
            except all_errors:
                said = ""
            said = said if len(said) <= SHOWN else said[:SHOWN] + " …"
            text = type_of(error).__name__ + (": " + said if said else "")
        if is_instance(error, PermissionError):
            text += " (the code runs without network, processes, and files outside of its folder)"
        if is_instance(error, no_memory):
            text += " (more memory than is allowed)"
        if len(frames) > 4:
            frames = frames[:1] + ["…"] + frames[-2:]
        return text + ("; " + " → ".join(frames) if frames else "")

    # Values: what an assert is made of is looked at while it runs.

    seen, asserts, sides, operators = {}, {}, {}, {}

    def see(place, index, source, value):
        seen.setdefault(place, {})[index] = (source, value)
        return value

    class Looking(ast.NodeTransformer):
        def __init__(self, name, source):
            self.name, self.source = name, source

        def text(self, node):
            text = ast.get_source_segment(self.source, node) or "…"
            return re.sub(r"\s+", " ", text)

        def wrap(self, index, node, inner):
            arguments = [ast.Constant(self.place), ast.Constant(index), ast.Constant(self.text(node)), inner]
            call = ast.Call(ast.Name("__gepard_see__", ast.Load()), arguments, [])
            return ast.copy_location(call, node)

        def visit_Assert(self, node):
            self.place = "%s:%d:%d" % (self.name, node.lineno, node.col_offset)
            asserts[(self.name, node.lineno)] = (self.place, node.test, self.text(node.test), type_of(node.test))
            self.calls = 0
            test = node.test
            if is_instance(test, ast.Compare):
                both = [test.left] + test.comparators
                sides[self.place] = [self.text(side) for side in both]
                operators[self.place] = test.ops
                wrapped = [self.wrap(index, side, self.inside(side)) for index, side in enumerate(both)]
                new = ast.Compare(wrapped[0], test.ops, wrapped[1:])
            elif is_instance(test, ast.UnaryOp) and is_instance(test.op, ast.Not):
                new = ast.UnaryOp(test.op, self.wrap(0, test.operand, self.inside(test.operand)))
            else:
                new = self.wrap(0, test, self.inside(test))
            return ast.copy_location(ast.Assert(ast.copy_location(new, test), node.msg), node)

        def inside(self, node):
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
        found, told = [], set(but)
        for index in values:
            source, value = values[index]
            if is_instance(index, str) and source not in told:
                told.add(source)
                found.append("`%s` returned %s" % (source[:200], show(value)))
        return found[:4]

    def alike(values, operator):
        """What an assert compared, in words: expected and actual where it says which is which."""
        (left, actual), (right, expected) = values[0], values[1]
        made = lambda text: any(s == text or s in text for i, (s, _) in values.items() if is_instance(i, str))
        if made(right) and not made(left):
            (left, actual), (right, expected) = (right, expected), (left, actual)
        if operator is not ast.Eq:
            return "`%s` is %s, and `%s` is %s" % (left[:200], show(actual), right[:200], show(expected))
        a, e = show(actual), show(expected)
        if a == e or type_of(actual) is not type_of(expected) and actual is not None:
            a, e = "%s (%s)" % (a, type_of(actual).__name__), "%s (%s)" % (e, type_of(expected).__name__)
        return "expected %s, but `%s` is %s" % (e, left[:200], a)

    def stands_in(error, name):
        """The assert of a test that an error came through, and the trace there."""
        trace = error.__traceback__
        while trace is not None:
            found = asserts.get((name, trace.tb_lineno))
            if found is not None and trace.tb_frame.f_code.co_filename == name:
                return (*found, trace)
            trace = trace.tb_next
        return None

    def broke(error, name):
        """An error in words, and what the assert that it came through had found and expected."""
        found = stands_in(error, name)
        if found is None:
            return why(error)
        place, test, text, kind, _ = found
        values = seen.get(place, {})
        words = ["`assert %s` could not be decided: %s" % (text[:300], why(error))] + calls_of(values, [])
        if kind is ast.Compare and len(test.ops) == 1 and type_of(test.ops[0]) is ast.Eq and 1 not in values:
            try:
                words.append("expected %s" % show(evaluate(sides[place][1], space)))
            except all_errors:
                pass  # The text of the assert says it all the same.
        elif kind is not ast.Compare:
            words.append("expected a %s value" % ("false" if kind is ast.UnaryOp else "true"))
        return "; ".join(words)

    def failed(error, name):
        """What an assertion that failed was about; None where it is not one of the tests' own."""
        found = stands_in(error, name)
        if found is None or found[-1].tb_next is not None:
            return None
        place, test, text, kind, _ = found
        values = seen.get(place, {})
        words = ["`assert %s` failed" % text[:300]]
        if kind is ast.Compare and len(test.ops) == 1 and 0 in values and 1 in values:
            words.append(alike(values, type_of(test.ops[0])))
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

    def own_equal(value, depth=0):
        """A class by which the code itself decides what its values are equal to."""
        for parent in type_of(value).__mro__:
            equal = parent.__dict__.get("__eq__")
            if equal is not None:
                if type_of(equal) is function and equal.__code__.co_filename.startswith("<"):
                    return type_of(value)
                break
        if depth < 3 and type_of(value) in (list, tuple, set, frozenset):
            for _, item in zip(range(1000), value):
                found = own_equal(item, depth + 1)
                if found is not None:
                    return found
        if depth < 3 and type_of(value) is dict:
            return own_equal(list(value.values()), depth)
        return None

    def forged():
        """Whether what the tests compared was decided by the code: a value that says it is equal to everything."""
        for place, values in seen.items():
            for index, operator in enumerate(operators.get(place, ())):
                if is_instance(operator, harmless) or index not in values or index + 1 not in values:
                    continue
                one, other = own_equal(values[index][1]), own_equal(values[index + 1][1])
                if one is not other:
                    return "`%s` decides by an `__eq__` of its own what it is equal to" % (one or other).__name__
        return None

    # The tests: each text of a list is one; of a single text each statement that asserts, the others prepare.

    def kinds(statement, *kinds):
        return any(is_instance(node, kinds) for node in ast.walk(statement))

    def is_definition(statement):
        return is_instance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))

    def is_docstring(statement):
        return is_instance(statement, ast.Expr) and is_instance(statement.value, ast.Constant)

    def called(statement):
        """The name of the function that a statement calls, and nothing else."""
        call = statement.value if is_instance(statement, ast.Expr) else None
        return call.func.id if is_instance(call, ast.Call) and is_instance(call.func, ast.Name) else None

    def unrolled(name, body):
        """HumanEval's way: the asserts stand in `check(candidate)`. Each becomes a test of its own, where that changes nothing."""
        check = [s for s in body if is_instance(s, ast.FunctionDef) and s.name == "check" and len(s.args.args) == 1]
        if not check or any(kinds(s, ast.Assert) for s in body if not is_definition(s)):
            return body
        calls = [s for s in body if called(s) == "check"]
        entry = job["entry"] or "".join(n.id for s in calls[:1] for n in s.value.args if is_instance(n, ast.Name))
        inner = [s for s in check[-1].body if not is_docstring(s)]
        if not entry or any(kinds(s, ast.Return, ast.Yield, ast.Nonlocal, ast.Global) for s in inner):
            return body
        bound = ast.parse("%s = %s" % (check[-1].args.args[0].arg, entry), name).body
        return [s for s in body if s is not check[-1] and s not in calls] + bound + inner

    def plan():
        """Steps of (name, source, statements, whether it is a test)."""
        texts = [("<test %d>" % (number + 1), text) for number, text in enumerate(job["tests"])]
        bodies = [(name, text, [s for s in ast.parse(text, name).body if not is_docstring(s)]) for name, text in texts]
        if len(bodies) != 1:
            return [(name, text, body, True) for name, text, body in bodies if body]
        ((name, text, body),) = bodies
        body = unrolled(name, body)
        asserting = {s.name for s in body if is_definition(s) and kinds(s, ast.Assert)}
        is_test = lambda s: not is_definition(s) and kinds(s, ast.Assert) or called(s) in asserting
        if any(is_test(s) for s in body):
            return [(name, text, [s], is_test(s)) for s in body]
        does = any(not is_definition(s) and not is_instance(s, (ast.Import, ast.ImportFrom, ast.Assign)) for s in body)
        return [(name, text, body, True)] if does else []

    def first_line(source, body):
        text = ast.get_source_segment(source, body[0]) or source if len(body) == 1 else source
        return re.sub(r"\s+", " ", text.strip())[:200]

    module = types.ModuleType("answer")
    sys.modules["answer"] = module
    space = module.__dict__

    def run(name, source, body):
        tree = ast.Module([Looking(name, source).visit(statement) for statement in body], [])
        compiled = compiler(ast.fix_missing_locations(tree), name, "exec")
        seen.clear()
        space["__gepard_see__"] = see
        execute(compiled, space)

    def guarded(name, what):
        """Runs it; None where all is well, else what went wrong, in words."""
        watch.start(name)
        problem = None
        try:
            try:
                what()
                problem = forged()
            finally:
                seconds = watch.stop()
        except Late:
            problem = "late"
        except assertion as error:
            problem = failed(error, name) or broke(error, name)
        except all_errors as error:
            problem = broke(error, name)
        for stream in streams:
            try:
                stream.flush()
            except all_errors:
                pass
        return problem, seconds

    try:
        steps = plan()
    except SyntaxError as error:
        tell(broken="the tests cannot be read: %s in line %s: %s" % (error.msg, error.lineno, (error.text or "").strip()[:120]))
        exit_now(0)
    names = [first_line(source, body) for _, source, body, tests in steps if tests]
    if not names:
        tell(broken="there is nothing to test: no assert stands in it")
        exit_now(0)
    tell(tests=names)

    def load():
        execute(compiler(job["setup"], "<setup>", "exec"), space)
        execute(compiler(code, "<answer>", "exec"), space)

    problem, _ = guarded("load", load)
    tell(loaded=problem)
    if problem is None:
        number = -1
        for name, source, body, tests in steps:
            if not tests:
                problem, _ = guarded(name, lambda: run(name, source, body))
                if problem is not None:
                    line = "before the tests" if number < 0 else "`%s`" % first_line(source, body)
                    tell(loaded="%s: %s" % (line, problem))
                    break
                continue
            number += 1
            if number < first:
                continue
            tell(begun=number)
            problem, seconds = guarded(name, lambda: run(name, source, body))
            slow = watch.profile() if seconds > limit / 4 else ""
            tell(ended={"number": number, "problem": problem, "slow": slow})
    tell(done=None)
    exit_now(0)


main()
