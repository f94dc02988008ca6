"""Where each word of what was said is in the end."""


def is_dealt_out(said: list[str], one: list[str], other: list[str]) -> bool:
    """Whether each word of `said` is in one of the two, once and whole, each in its order."""
    if len(said) != len(one) + len(other):
        return False
    taken = {0}  # how many of `one` may be used up
    for number, word in enumerate(said):
        from_one = {count + 1 for count in taken if one[count : count + 1] == [word]}
        rest = {count: number - count for count in taken}
        taken = from_one | {count for count, at in rest.items() if other[at : at + 1] == [word]}
    return len(one) in taken
