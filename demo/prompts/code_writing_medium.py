"""Medium Python functions to ask for: request, a solution that passes, and the asserts."""

ITEMS: tuple[tuple[str, str, str], ...] = (
    (
        "`factorial(n)` for a non-negative integer n",
        """
def factorial(n):
    result = 1
    for k in range(2, n + 1):
        result *= k
    return result
""",
        """
assert factorial(0) == 1
assert factorial(1) == 1
assert factorial(5) == 120
assert factorial(10) == 3628800
""",
    ),
    (
        "`is_palindrome(s)` that ignores case and spaces",
        """
def is_palindrome(s):
    t = s.replace(' ', '').lower()
    return t == t[::-1]
""",
        """
assert is_palindrome('Anna') is True
assert is_palindrome('nurses run') is True
assert is_palindrome('hello') is False
assert is_palindrome('') is True
""",
    ),
    (
        "`count_vowels(text)` counting a, e, i, o, u in either case",
        """
def count_vowels(text):
    return sum(c in 'aeiou' for c in text.lower())
""",
        """
assert count_vowels('Education') == 5
assert count_vowels('rhythm') == 0
assert count_vowels('AEIOU') == 5
""",
    ),
    (
        (
            "`fizz(n)` that returns 'Fizz' for multiples of 3, 'Buzz' for multiples of 5,"
            " 'FizzBuzz' for both, and otherwise the number as a string"
        ),
        """
def fizz(n):
    word = ('Fizz' if n % 3 == 0 else '') + ('Buzz' if n % 5 == 0 else '')
    return word or str(n)
""",
        """
assert fizz(9) == 'Fizz'
assert fizz(10) == 'Buzz'
assert fizz(30) == 'FizzBuzz'
assert fizz(7) == '7'
""",
    ),
    (
        "`is_prime(n)` for integers n >= 0",
        """
def is_prime(n):
    return n > 1 and all(n % k for k in range(2, int(n**0.5) + 1))
""",
        """
assert is_prime(2) is True
assert is_prime(1) is False
assert is_prime(49) is False
assert is_prime(97) is True
assert is_prime(0) is False
""",
    ),
    (
        "`unique(items)` that removes repeated elements but keeps the order of first appearance",
        """
def unique(items):
    return list(dict.fromkeys(items))
""",
        """
assert unique([3, 1, 3, 2, 1]) == [3, 1, 2]
assert unique([]) == []
assert unique(['b', 'a', 'b']) == ['b', 'a']
""",
    ),
    (
        (
            "`word_count(text)` that returns a dict from each space-separated word to how often it"
            " occurs"
        ),
        """
def word_count(text):
    counts = {}
    for w in text.split():
        counts[w] = counts.get(w, 0) + 1
    return counts
""",
        """
assert word_count('a b a') == {'a': 2, 'b': 1}
assert word_count('') == {}
assert word_count('x x x') == {'x': 3}
""",
    ),
    (
        "`fib(n)` that returns the n-th Fibonacci number, with fib(0) = 0 and fib(1) = 1",
        """
def fib(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
""",
        """
assert fib(0) == 0
assert fib(1) == 1
assert fib(10) == 55
assert fib(30) == 832040
""",
    ),
    (
        "`second_largest(numbers)` giving the second largest distinct value of a list",
        """
def second_largest(numbers):
    return sorted(set(numbers))[-2]
""",
        """
assert second_largest([1, 5, 3]) == 3
assert second_largest([9, 9, 4]) == 4
assert second_largest([-1, -2]) == -2
""",
    ),
    (
        "`digit_sum(n)` that adds the digits of a non-negative integer",
        """
def digit_sum(n):
    return sum(int(d) for d in str(n))
""",
        """
assert digit_sum(123) == 6
assert digit_sum(0) == 0
assert digit_sum(9999) == 36
""",
    ),
    (
        "`flatten(rows)` that turns a list of lists into one flat list",
        """
def flatten(rows):
    return [x for row in rows for x in row]
""",
        """
assert flatten([[1, 2], [3]]) == [1, 2, 3]
assert flatten([]) == []
assert flatten([[], ['a'], []]) == ['a']
""",
    ),
    (
        "`average(numbers)` that returns the mean, or 0 for an empty list",
        """
def average(numbers):
    return sum(numbers) / len(numbers) if numbers else 0
""",
        """
assert average([2, 4]) == 3
assert average([]) == 0
assert average([1, 2]) == 1.5
""",
    ),
    (
        "`gcd(a, b)` for the greatest common divisor of two positive integers",
        """
def gcd(a, b):
    while b:
        a, b = b, a % b
    return a
""",
        """
assert gcd(12, 18) == 6
assert gcd(7, 13) == 1
assert gcd(100, 10) == 10
""",
    ),
    (
        "`is_leap(year)` using the Gregorian leap year rule",
        """
def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
""",
        """
assert is_leap(2024) is True
assert is_leap(1900) is False
assert is_leap(2000) is True
assert is_leap(2023) is False
""",
    ),
    (
        "`invert(d)` that swaps the keys and values of a dictionary with unique values",
        """
def invert(d):
    return {v: k for k, v in d.items()}
""",
        """
assert invert({'a': 1}) == {1: 'a'}
assert invert({}) == {}
assert invert({1: 2, 3: 4}) == {2: 1, 4: 3}
""",
    ),
)
