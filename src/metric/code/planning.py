"""What is run of the tests, and in which steps. All of it before the code is loaded.

Each text of a list is a test, or prepares where it only names things; of a single text each statement that asserts is one, and the
others prepare.
"""

import ast
import re


def kinds(node, *kinds):
    return any(isinstance(inner, kinds) for inner in ast.walk(node))


def is_definition(statement):
    return isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def does(statement):
    """Whether a statement does more than to name something."""
    return not is_definition(statement) and not isinstance(statement, (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign))


def is_idle(statement):
    """A docstring, or what only a main program runs: tests are none."""
    if isinstance(statement, ast.If):
        return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test))
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def called(statement):
    """The name of the function that a statement calls, and nothing else."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else None


def is_check(statement):
    """HumanEval's `check(candidate)`."""
    return isinstance(statement, ast.FunctionDef) and statement.name == "check" and len(statement.args.args) == 1


def used(body):
    """The names that statements use where they run, through functions that stand beside them as well."""
    names, definitions = set(), [s for s in body if is_definition(s)]
    queue = [s for s in body if not is_definition(s) and (does(s) or kinds(s, ast.Call))]
    # It grows while it is gone through.
    for statement in queue:
        new = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} - names
        names |= new
        queue += [s for s in definitions if s.name in new]
    return names


def statements(name, text):
    # What is wrong with a text is told by its own lines: asserts get others.
    compile(text, name, "exec")
    return [s for s in ast.parse(text, name).body if not is_idle(s)]


def read(name, text, entry, named):
    """The text of a test and its statements. `test_…()` that no test uses are called, as by pytest, and `check`."""
    body = statements(name, text)
    tests = [s for s in body if isinstance(s, ast.FunctionDef) and s.name.startswith("test_") and not kinds(s.args, ast.arg)]
    calls = {s.name: s.name + "()" for s in tests}
    calls.update({s.name: "check(%s)" % entry for s in body if is_check(s) and entry})
    # They stand in the text, so that all that reads it finds them.
    text = "\n".join([text, *(call for function, call in calls.items() if function not in named)])
    return text, statements(name, text)


def binds(node):
    """The names that a piece of a function gives a value to."""
    if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        return  # They have names of their own.
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).split(".")[0]
    elif is_definition(node) or isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    if not is_definition(node):
        for inner in ast.iter_child_nodes(node):
            yield from binds(inner)


def unrolled(name, body, job):
    """HumanEval's way: the asserts stand in `check(candidate)`. Each becomes a test of its own, where that changes nothing."""
    check = [s for s in body if is_check(s)]
    if not check or any(kinds(s, ast.Assert) for s in body if not is_definition(s)):
        return body
    calls = [s for s in body if called(s) == "check"]
    entry = job["entry"] or "".join(n.id for s in calls[:1] for n in s.value.args if isinstance(n, ast.Name))
    inner = [s for s in check[-1].body if not is_idle(s)]
    if not entry or len(calls) > 1 or any(kinds(s, ast.Return, ast.Yield, ast.Nonlocal, ast.Global) for s in inner):
        return body
    # Its own names become names of all: none may be one of the code's.
    own = {bound for part in [check[-1].args] + inner for bound in binds(part)}
    if own & set(re.findall(r"\w+", job["setup"] + "\n" + job["code"])):
        return body
    given = ast.parse("%s = %s" % (check[-1].args.args[0].arg, entry), name).body
    return [s for s in body if s is not check[-1] and s not in calls] + given + inner


def label(source, body):
    """A step in one line."""
    text = ast.get_source_segment(source, body[0]) or source if len(body) == 1 else source
    return re.sub(r"\s+", " ", text.strip())[:200]


def plan(job):
    """Steps of (name, source, statements, whether it is a test, its line)."""
    names = ["<test %d>" % (number + 1) for number in range(len(job["tests"]))]
    given = list(zip(names, job["tests"]))
    named = used([statement for name, text in given for statement in statements(name, text)])
    texts = [(name, *read(name, text, job["entry"], named)) for name, text in given]
    if len(texts) != 1:
        return [(name, text, body, any(map(does, body)), label(text, body)) for name, text, body in texts if body]
    ((name, text, body),) = texts
    body = unrolled(name, body, job)
    asserting = {s.name for s in body if is_definition(s) and (kinds(s, ast.Assert) or s.name.startswith("test_"))}
    is_test = lambda s: not is_definition(s) and kinds(s, ast.Assert) or called(s) in asserting
    if any(is_test(s) for s in body):
        return [(name, text, [s], is_test(s), label(text, [s])) for s in body]
    return [(name, text, body, True, label(text, body))] if any(does(s) for s in body) else []
