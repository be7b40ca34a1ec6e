"""Whose word an assert takes: a class that the answer wrote can say of its values that they are equal to everything."""


def equality(tests, read):
    """A function that finds such a class. Made before the code is loaded, of what the code cannot replace then."""
    import collections
    import itertools
    import os
    import sys
    import types
    import weakref

    MOST = 1000
    type_of, is_subclass, identity, size, mapping = type, issubclass, id, len, dict
    first, chain = itertools.islice, itertools.chain
    function, native = types.FunctionType, (types.WrapperDescriptorType, types.MethodDescriptorType)
    # A metaclass can say what it likes of its classes; these cannot.
    parents_of, namespace_of, name_of = [type.__dict__[name].__get__ for name in ("__mro__", "__dict__", "__name__")]
    libraries = ("<frozen ", *(os.path.join(folder, "") for folder in sys.path))
    # A path may be spelled in two ways.
    given = [path for spelled in read for path in (spelled, os.path.realpath(spelled))]
    ours = ("<setup>", "<test ", *(os.path.join(path, "") if os.path.isdir(path) else path for path in given))
    # What these hold is equal to everything, which is the tests' to use.
    mocked = any("mock" in test for test in tests)
    doubles = () if mocked else ("/unittest/mock.py", "/test/support/__init__.py")
    proxies, plain = frozenset(map(id, weakref.ProxyTypes)), frozenset((int, str, float, bool, bytes, complex, type(None)))
    sequences = (list, tuple, set, frozenset, collections.deque, range, type({}.keys()), type({}.values()), type({}.items()))
    contents_of = [(kind, kind.__iter__) for kind in sequences]
    keys_of, values_of = dict.__iter__, dict.values

    def author(kind, method):
        """The class that gives `kind` a method of the answer's; None where it is Python's, a library's or the tests' own."""
        if identity(kind) in proxies:
            return kind
        parents = parents_of(kind)
        # Tests set what a mock is equal to.
        if mocked and "NonCallableMock" in [name_of(parent) for parent in parents]:
            return None
        for parent in parents:
            found = namespace_of(parent).get(method)
            if found is None:
                continue
            if type_of(found) in native and found.__name__ == method:
                return None
            if type_of(found) is function:
                file = found.__code__.co_filename
                # One of another name is borrowed.
                library = file.startswith(libraries) and not file.endswith(doubles) and found.__name__ == method
                if library or file.startswith(ours):
                    return None
            return parent
        return None

    def by_fields(kind):
        """Whether its `__eq__` is the one that `dataclass` writes: true of values of one class only."""
        found = namespace_of(kind).get("__eq__")
        written = type_of(found) is function and found.__code__.co_filename == "<string>"
        return written and "__dataclass_fields__" in namespace_of(kind)

    def within(kind, keys_alone):
        """What tells the contents of a container of Python's own, whatever its class says of them; None for all else."""
        for container, contents in contents_of:
            if is_subclass(kind, container):
                return contents
        if is_subclass(kind, mapping):
            return keys_of if keys_alone else lambda value: chain(keys_of(value), values_of(value))
        return None

    def held(contents, value, most):
        """The first values that a container holds; none where they are plain, for tests compare long lists in loops."""
        kinds = map(type_of, first(contents(value), most))
        return () if plain.issuperset(kinds) else first(contents(value), most)

    def authors(values):
        """The classes of values, and of what they hold, that say by an `__eq__` of the answer's what they are equal to."""
        found, known, queue = {}, {}, [*values]
        # It grows while it is gone through, up to a number of values for all together.
        for value in queue:
            kind = type_of(value)
            if identity(kind) not in known:
                known[identity(kind)] = author(kind, "__eq__"), within(kind, False)
            own, contents = known[identity(kind)]
            if own is not None:
                found[identity(own)] = own
            elif contents is not None and size(queue) < MOST:
                queue.extend(held(contents, value, MOST - size(queue)))
        return found

    def decider(left, right, searched):
        """The name of a class by which one side of `==` decides alone, or of `in` where `searched`; None where there is none."""
        one = authors([left])
        if searched:
            kind = type_of(right)
            contents = within(kind, True)
            # What a container of the answer's finds in itself is its own affair.
            if contents is None or author(kind, "__contains__") is not None:
                return None
            other = authors(held(contents, right, MOST))
        else:
            other = authors([right])
        alone = [one[key] for key in one if key not in other]
        # Who is searched may hold more than what is looked for.
        if not (searched and one):
            alone += [other[key] for key in other if key not in one]
        alone = [kind for kind in alone if not by_fields(kind)]
        return name_of(alone[0]) if alone else None

    return decider
