"""Divides the tests into steps, before the code is loaded.

In a list, each text is a test; a text that only defines names is a step that prepares. In a single text, each statement that
asserts is a test, and the other statements prepare.
"""

import ast
import re


def kinds(node, *kinds):
    """Returns whether a syntax tree has a node of one of these kinds."""
    return any(isinstance(inner, kinds) for inner in ast.walk(node))


def is_definition(statement):
    """Returns whether a statement defines a function or a class."""
    return isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def does(statement):
    """Returns whether a statement does more than to define a name."""
    return not is_definition(statement) and not isinstance(statement, (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign))


def is_idle(statement):
    """Returns whether a statement is a constant, like a docstring, or runs only in a main program. It is no test."""
    if isinstance(statement, ast.If):
        return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test))
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def called(statement):
    """Returns the name of the function if the statement is only a call. None for other statements."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else None


def is_check(statement):
    """Returns whether a statement defines `check(candidate)`, the form of the tests in HumanEval (arXiv 2107.03374)."""
    return isinstance(statement, ast.FunctionDef) and statement.name == "check" and len(statement.args.args) == 1


def used(body):
    """Returns the names that the statements use when they run, also in the functions among them that they call."""
    names, definitions = set(), [s for s in body if is_definition(s)]
    queue = [s for s in body if not is_definition(s) and (does(s) or kinds(s, ast.Call))]
    # The queue grows during the loop.
    for statement in queue:
        new = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} - names
        names |= new
        queue += [s for s in definitions if s.name in new]
    return names


def statements(name, text):
    """Returns the statements of a text that are run."""
    # An error must name a line of this text. The asserts get other line numbers later.
    compile(text, name, "exec")
    return [s for s in ast.parse(text, name).body if not is_idle(s)]


def read(name, text, entry, named):
    """Returns the text of a test and its statements. Calls of `check` and of functions `test_…()` that no test uses are added."""
    body = statements(name, text)
    tests = [s for s in body if isinstance(s, ast.FunctionDef) and s.name.startswith("test_") and not kinds(s.args, ast.arg)]
    calls = {s.name: s.name + "()" for s in tests}
    calls.update({s.name: "check(%s)" % entry for s in body if is_check(s) and entry})
    # The calls are added to the text, so that the statements have a source.
    text = "\n".join([text, *(call for function, call in calls.items() if function not in named)])
    return text, statements(name, text)


def binds(node):
    """Yields the names that a part of a function defines."""
    if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        return  # Their names are not visible outside of them.
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
    """Makes each assert in `check(candidate)` a test of its own. Returns the body as it is where that could change a result."""
    check = [s for s in body if is_check(s)]
    if not check or any(kinds(s, ast.Assert) for s in body if not is_definition(s)):
        return body
    calls = [s for s in body if called(s) == "check"]
    entry = job["entry"] or "".join(n.id for s in calls[:1] for n in s.value.args if isinstance(n, ast.Name))
    inner = [s for s in check[-1].body if not is_idle(s)]
    if not entry or len(calls) > 1 or any(kinds(s, ast.Return, ast.Yield, ast.Nonlocal, ast.Global) for s in inner):
        return body
    # The names in `check` become global. None of them may occur in the code.
    own = {bound for part in [check[-1].args] + inner for bound in binds(part)}
    if own & set(re.findall(r"\w+", job["setup"] + "\n" + job["code"])):
        return body
    given = ast.parse("%s = %s" % (check[-1].args.args[0].arg, entry), name).body
    return [s for s in body if s is not check[-1] and s not in calls] + given + inner


def label(source, body):
    """Returns the text of a step in one line of at most 200 characters."""
    text = ast.get_source_segment(source, body[0]) or source if len(body) == 1 else source
    return re.sub(r"\s+", " ", text.strip())[:200]


def plan(job):
    """Returns the steps: tuples of name, source, statements, whether the step is a test, and its label."""
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
