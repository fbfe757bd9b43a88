"""Easy Python functions to ask for: request, a solution that passes, and the asserts."""

ITEMS: tuple[tuple[str, str, str], ...] = (
    (
        "`add(a, b)` that returns the sum of two numbers",
        """
def add(a, b):
    return a + b
""",
        """
assert add(1, 2) == 3
assert add(-4, 4) == 0
assert add(10, 25) == 35
""",
    ),
    (
        "`is_even(n)` that returns True if n is even and False otherwise",
        """
def is_even(n):
    return n % 2 == 0
""",
        """
assert is_even(4) is True
assert is_even(7) is False
assert is_even(0) is True
""",
    ),
    (
        "`square(x)` returning x multiplied by itself",
        """
def square(x):
    return x * x
""",
        """
assert square(3) == 9
assert square(-2) == 4
assert square(0) == 0
""",
    ),
    (
        "`hello(name)` that returns the text 'Hello, ' followed by the name",
        """
def hello(name):
    return 'Hello, ' + name
""",
        """
assert hello('Ana') == 'Hello, Ana'
assert hello('Bo') == 'Hello, Bo'
assert hello('') == 'Hello, '
""",
    ),
    (
        "`larger(a, b)` that gives back the larger of two numbers",
        """
def larger(a, b):
    return max(a, b)
""",
        """
assert larger(2, 9) == 9
assert larger(5, -1) == 5
assert larger(3, 3) == 3
""",
    ),
    (
        "`last_item(items)` that returns the last element of a non-empty list",
        """
def last_item(items):
    return items[-1]
""",
        """
assert last_item([1, 2, 3]) == 3
assert last_item(['x']) == 'x'
assert last_item([0, False, 5]) == 5
""",
    ),
    (
        "`shout(text)` that returns the text in capital letters",
        """
def shout(text):
    return text.upper()
""",
        """
assert shout('hey') == 'HEY'
assert shout('Go on!') == 'GO ON!'
assert shout('') == ''
""",
    ),
    (
        "`total(numbers)` that adds up all numbers in a list",
        """
def total(numbers):
    return sum(numbers)
""",
        """
assert total([1, 2, 3]) == 6
assert total([]) == 0
assert total([-5, 5, 2]) == 2
""",
    ),
    (
        "`reverse_text(s)` that returns the string backwards",
        """
def reverse_text(s):
    return s[::-1]
""",
        """
assert reverse_text('abc') == 'cba'
assert reverse_text('') == ''
assert reverse_text('noon!') == '!noon'
""",
    ),
    (
        "`area(width, height)` for the area of a rectangle",
        """
def area(width, height):
    return width * height
""",
        """
assert area(2, 3) == 6
assert area(5, 5) == 25
assert area(0, 8) == 0
""",
    ),
    (
        "`first_letter(word)` that returns the first character of a non-empty word",
        """
def first_letter(word):
    return word[0]
""",
        """
assert first_letter('pear') == 'p'
assert first_letter('Z') == 'Z'
assert first_letter('9 lives') == '9'
""",
    ),
    (
        "`absolute(n)` that returns the absolute value of a number",
        """
def absolute(n):
    return abs(n)
""",
        """
assert absolute(-3) == 3
assert absolute(8) == 8
assert absolute(0) == 0
""",
    ),
    (
        "`count_items(values)` that says how many elements a list has",
        """
def count_items(values):
    return len(values)
""",
        """
assert count_items([]) == 0
assert count_items([7, 7]) == 2
assert count_items(['a', 'b', 'c']) == 3
""",
    ),
    (
        "`double_all(numbers)` that returns a new list with each number doubled",
        """
def double_all(numbers):
    return [n * 2 for n in numbers]
""",
        """
assert double_all([1, 2]) == [2, 4]
assert double_all([]) == []
assert double_all([-3, 0]) == [-6, 0]
""",
    ),
    (
        "`is_positive(n)`: True when n is greater than zero, else False",
        """
def is_positive(n):
    return n > 0
""",
        """
assert is_positive(5) is True
assert is_positive(-5) is False
assert is_positive(0) is False
""",
    ),
    (
        "`to_celsius(f)` that converts degrees Fahrenheit to Celsius",
        """
def to_celsius(f):
    return (f - 32) * 5 / 9
""",
        """
assert abs(to_celsius(32)) < 1e-9
assert abs(to_celsius(212) - 100) < 1e-9
assert abs(to_celsius(-40) + 40) < 1e-9
""",
    ),
    (
        "`join_words(words)` that joins a list of words with single spaces",
        """
def join_words(words):
    return ' '.join(words)
""",
        """
assert join_words(['a', 'b']) == 'a b'
assert join_words([]) == ''
assert join_words(['one']) == 'one'
""",
    ),
    (
        "`smallest(numbers)` that finds the minimum of a non-empty list",
        """
def smallest(numbers):
    return min(numbers)
""",
        """
assert smallest([3, 1, 2]) == 1
assert smallest([-1, -9]) == -9
assert smallest([4]) == 4
""",
    ),
)
