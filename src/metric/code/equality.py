"""Finds classes of the answer that decide a comparison: their values can claim to be equal to everything."""


def equality(tests, read):
    """Returns the function `decider`. It is made before the code is loaded, so that the code cannot replace what it uses."""
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
    # A metaclass can change what these return for its classes. The ones of `type` do not ask the metaclass.
    parents_of, namespace_of, name_of = [type.__dict__[name].__get__ for name in ("__mro__", "__dict__", "__name__")]
    libraries = ("<frozen ", *(os.path.join(folder, "") for folder in sys.path))
    # A path can be spelled with links or without.
    given = [path for spelled in read for path in (spelled, os.path.realpath(spelled))]
    ours = ("<setup>", "<test ", *(os.path.join(path, "") if os.path.isdir(path) else path for path in given))
    # Values of these modules are equal to everything. If the tests use mocks, they may use them.
    mocked = any("mock" in test for test in tests)
    doubles = () if mocked else ("/unittest/mock.py", "/test/support/__init__.py")
    proxies, plain = frozenset(map(id, weakref.ProxyTypes)), frozenset((int, str, float, bool, bytes, complex, type(None)))
    sequences = (list, tuple, set, frozenset, collections.deque, range, type({}.keys()), type({}.values()), type({}.items()))
    contents_of = [(kind, kind.__iter__) for kind in sequences]
    keys_of, values_of = dict.__iter__, dict.values

    def author(kind, method):
        """Returns the class that gives `kind` a method of the answer. None for a method of Python, a library or the tests."""
        if identity(kind) in proxies:
            return kind
        parents = parents_of(kind)
        # The tests define what a mock is equal to.
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
                # A method under another name was taken from elsewhere.
                library = file.startswith(libraries) and not file.endswith(doubles) and found.__name__ == method
                if library or file.startswith(ours):
                    return None
            return parent
        return None

    def by_fields(kind):
        """Returns whether `__eq__` is the method that `dataclass` writes, by which only values of one class can be equal."""
        found = namespace_of(kind).get("__eq__")
        written = type_of(found) is function and found.__code__.co_filename == "<string>"
        return written and "__dataclass_fields__" in namespace_of(kind)

    def within(kind, keys_alone):
        """Returns the function of Python that iterates over a container, whatever the class defines. None for others."""
        for container, contents in contents_of:
            if is_subclass(kind, container):
                return contents
        if is_subclass(kind, mapping):
            return keys_of if keys_alone else lambda value: chain(keys_of(value), values_of(value))
        return None

    def held(contents, value, most):
        """Returns the first values of a container. It is empty if all are plain, because tests compare long lists in loops."""
        kinds = map(type_of, first(contents(value), most))
        return () if plain.issuperset(kinds) else first(contents(value), most)

    def authors(values):
        """Returns the classes of the values, and of the values in them, that have an `__eq__` of the answer."""
        found, known, queue = {}, {}, [*values]
        # The queue grows during the loop, to at most MOST values.
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
        """Returns the name of a class that decides and that only one side of `==` has, or of `in` if `searched`. Else None."""
        one = authors([left])
        if searched:
            kind = type_of(right)
            contents = within(kind, True)
            # A container with a method of the answer may define what it contains.
            if contents is None or author(kind, "__contains__") is not None:
                return None
            other = authors(held(contents, right, MOST))
        else:
            other = authors([right])
        alone = [one[key] for key in one if key not in other]
        # A searched container may have classes that the value does not have.
        if not (searched and one):
            alone += [other[key] for key in other if key not in one]
        alone = [kind for kind in alone if not by_fields(kind)]
        return name_of(alone[0]) if alone else None

    return decider
