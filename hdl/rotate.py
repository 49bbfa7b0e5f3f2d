"""A rotation of a list of words by a variable amount: one level of two-way choices for each bit of the amount."""

from myhdl import always_comb, block

from convstream.hdl.registers import like


@block
def choose(select, bit, straight, rotated, chosen):
    """`chosen` is `rotated` where the bit of `select` is set, else `straight`.

    Parameters
    ----------
    select : intbv of more than `bit` bits, in
    bit : int, in
    straight, rotated : intbv as wide as a word, in
    chosen : intbv as wide as a word, out
    """

    @always_comb
    def pick():
        if select[bit]:
            chosen.next = rotated
        else:
            chosen.next = straight

    return pick


@block
def rotate(words, amount, rotated):
    """``rotated[i] = words[(i + amount) % len(words)]``, for an `amount` below ``len(words)``.

    Parameters
    ----------
    words : list of intbv, in
    amount : intbv below ``len(words)``, in
    rotated : list of intbv like `words`, out
    """
    if len(words) < 2 or len(rotated) != len(words):
        raise ValueError(f"words and rotated must be at least 2 and as many, not {len(words)} and {len(rotated)}")
    count = len(words)
    levels = (count - 1).bit_length()
    instances = []
    present = words
    for level in range(levels):
        following = rotated if level == levels - 1 else [like(word) for word in words]
        for index in range(count):
            other = present[(index + (1 << level)) % count]
            instance = choose(amount, level, present[index], other, following[index])
            instance.name = f"level_{level}_word_{index}"
            instances.append(instance)
        present = following
    return instances
