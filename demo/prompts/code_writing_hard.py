"""Hard Python functions to ask for: request, a solution that passes, and the asserts."""

ITEMS: tuple[tuple[str, str, str], ...] = (
    (
        (
            "`balanced(s)` that tells whether the brackets (), [] and {} in s are properly nested;"
            " other characters are ignored"
        ),
        """
def balanced(s):
    pairs = {')': '(', ']': '[', '}': '{'}
    stack = []
    for c in s:
        if c in '([{':
            stack.append(c)
        elif c in pairs and (not stack or stack.pop() != pairs[c]):
            return False
    return not stack
""",
        """
assert balanced('a(b)[c]{}') is True
assert balanced('([)]') is False
assert balanced('((') is False
assert balanced('') is True
assert balanced(')') is False
""",
    ),
    (
        "`to_roman(n)` that writes an integer from 1 to 3999 as a Roman numeral",
        """
def to_roman(n):
    table = [
        (1000, 'M'), (900, 'CM'), (500, 'D'), (400, 'CD'), (100, 'C'), (90, 'XC'), (50, 'L'),
        (40, 'XL'), (10, 'X'), (9, 'IX'), (5, 'V'), (4, 'IV'), (1, 'I'),
    ]
    out = ''
    for value, mark in table:
        while n >= value:
            out += mark
            n -= value
    return out
""",
        """
assert to_roman(4) == 'IV'
assert to_roman(1994) == 'MCMXCIV'
assert to_roman(3888) == 'MMMDCCCLXXXVIII'
assert to_roman(40) == 'XL'
""",
    ),
    (
        (
            "`merge_intervals(intervals)` that merges overlapping or touching [start, end] pairs"
            " and returns them sorted"
        ),
        """
def merge_intervals(intervals):
    out = []
    for a, b in sorted(intervals):
        if out and a <= out[-1][1]:
            out[-1][1] = max(out[-1][1], b)
        else:
            out.append([a, b])
    return out
""",
        """
assert [list(x) for x in merge_intervals([[1, 3], [2, 6], [8, 9]])] == [[1, 6], [8, 9]]
assert [list(x) for x in merge_intervals([[5, 7], [1, 5]])] == [[1, 7]]
assert merge_intervals([]) == []
assert [list(x) for x in merge_intervals([[1, 9], [2, 3]])] == [[1, 9]]
""",
    ),
    (
        "`edit_distance(a, b)` for the Levenshtein distance of two strings",
        """
def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        new = [i]
        for j, y in enumerate(b, 1):
            new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (x != y)))
        row = new
    return row[-1]
""",
        """
assert edit_distance('cat', 'cut') == 1
assert edit_distance('', 'abc') == 3
assert edit_distance('flaw', 'lawn') == 2
assert edit_distance('same', 'same') == 0
""",
    ),
    (
        "`run_length(s)` that encodes runs of equal letters, so 'aaab' gives 'a3b1'",
        """
def run_length(s):
    out = ''
    i = 0
    while i < len(s):
        j = i
        while j < len(s) and s[j] == s[i]:
            j += 1
        out += s[i] + str(j - i)
        i = j
    return out
""",
        """
assert run_length('aaab') == 'a3b1'
assert run_length('') == ''
assert run_length('abca') == 'a1b1c1a1'
assert run_length('zzzzzzzzzzzz') == 'z12'
""",
    ),
    (
        (
            "`longest_rise(numbers)` that returns the length of the longest strictly increasing"
            " subsequence (not necessarily contiguous)"
        ),
        """
def longest_rise(numbers):
    best = []
    for i, n in enumerate(numbers):
        best.append(1 + max([best[j] for j in range(i) if numbers[j] < n], default=0))
    return max(best, default=0)
""",
        """
assert longest_rise([4, 1, 3, 2, 5]) == 3
assert longest_rise([]) == 0
assert longest_rise([5, 4, 3]) == 1
assert longest_rise([2, 2, 2]) == 1
assert longest_rise([1, 9, 2, 8, 3]) == 3
""",
    ),
    (
        (
            "`ways(coins, amount)` counting the combinations of coins (each usable any number of"
            " times) that make the amount"
        ),
        """
def ways(coins, amount):
    table = [1] + [0] * amount
    for c in coins:
        for a in range(c, amount + 1):
            table[a] += table[a - c]
    return table[amount]
""",
        """
assert ways([1, 2, 5], 5) == 4
assert ways([2], 3) == 0
assert ways([3, 5], 0) == 1
assert ways([1, 5, 10, 25], 30) == 18
""",
    ),
    (
        "`rotate(matrix)` that turns a list-of-lists matrix 90 degrees clockwise",
        """
def rotate(matrix):
    return [list(row) for row in zip(*matrix[::-1])]
""",
        """
assert [list(r) for r in rotate([[1, 2], [3, 4]])] == [[3, 1], [4, 2]]
assert [list(r) for r in rotate([[1, 2, 3]])] == [[1], [2], [3]]
assert [list(r) for r in rotate([[7]])] == [[7]]
""",
    ),
    (
        (
            "`evaluate(rpn)` that evaluates a list of tokens in reverse Polish notation with +, -"
            " and *, for example ['2', '3', '+'] is 5"
        ),
        """
def evaluate(rpn):
    stack = []
    for t in rpn:
        if t in ('+', '-', '*'):
            b, a = stack.pop(), stack.pop()
            stack.append(a + b if t == '+' else a - b if t == '-' else a * b)
        else:
            stack.append(int(t))
    return stack[0]
""",
        """
assert evaluate(['2', '3', '+']) == 5
assert evaluate(['7', '2', '-']) == 5
assert evaluate(['2', '3', '4', '*', '+']) == 14
assert evaluate(['-4', '2', '*', '1', '-']) == -9
""",
    ),
    (
        "`primes_below(n)` listing all primes smaller than n in order",
        """
def primes_below(n):
    return [p for p in range(2, n) if all(p % k for k in range(2, int(p**0.5) + 1))]
""",
        """
assert primes_below(10) == [2, 3, 5, 7]
assert primes_below(2) == []
assert primes_below(3) == [2]
assert len(primes_below(100)) == 25
""",
    ),
    (
        (
            "`caesar(text, shift)` that shifts letters through the alphabet keeping their case,"
            " wrapping around, and leaves other characters alone"
        ),
        """
def caesar(text, shift):
    out = ''
    for c in text:
        if c.isalpha():
            base = ord('A') if c.isupper() else ord('a')
            out += chr((ord(c) - base + shift) % 26 + base)
        else:
            out += c
    return out
""",
        """
assert caesar('abc', 1) == 'bcd'
assert caesar('Xyz!', 3) == 'Abc!'
assert caesar('b', -2) == 'z'
assert caesar('Hi you', 0) == 'Hi you'
""",
    ),
)
