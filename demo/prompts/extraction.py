"""Facts pulled out of short texts into a JSON object with named keys.

References are Python dictionaries written next to their text, dumped to JSON when the record is
made. Long texts at the end make the input length vary.
"""

import json
from random import Random

from demo.prompts.record import Collector, Difficulty, Endings, PromptRecord

ASKS = (
    "Extract {keys} from the text as JSON. Only the JSON object.",
    "Return a JSON object with the keys {keys}. Nothing else.",
    "Read the text and fill in {keys}. Answer with JSON only.",
    "Give {keys} as one JSON object, without explanation.",
    "Turn this into JSON with the keys {keys}. JSON only.",
)

QUOTES = " Write numbers without quotes."

Fields = dict[str, str | int | float | bool | None]

ITEMS: tuple[tuple[Difficulty, str, Fields], ...] = (
    ("easy", "Name: Anna. Age: 30.", {"name": "Anna", "age": 30}),
    ("easy", "City: Lyon, Country: France", {"city": "Lyon", "country": "France"}),
    ("easy", "Peter is 12 years old.", {"name": "Peter", "age": 12}),
    ("easy", "The ball is red.", {"object": "ball", "color": "red"}),
    ("easy", "product=milk; price=2", {"product": "milk", "price": 2}),
    (
        "easy",
        "Title: Blue Hills. Author: Ruth Carr.",
        {"title": "Blue Hills", "author": "Ruth Carr"},
    ),
    ("easy", "My dog is called Rex.", {"animal": "dog", "name": "Rex"}),
    ("easy", "Maria lives in Porto.", {"name": "Maria", "city": "Porto"}),
    ("easy", "First name: Juan\nLast name: Ortega", {"first_name": "Juan", "last_name": "Ortega"}),
    ("easy", "Team Lions 3, Team Bears 1", {"lions": 3, "bears": 1}),
    (
        "easy",
        "email: kim@example.com, phone: 555-0142",
        {"email": "kim@example.com", "phone": "555-0142"},
    ),
    ("easy", "The bus number 14 goes to Airport.", {"bus": 14, "destination": "Airport"}),
    ("easy", "Day: Friday. Hour: 9.", {"day": "Friday", "hour": 9}),
    ("easy", "Lena has 4 cats.", {"owner": "Lena", "cats": 4}),
    (
        "easy",
        "Brand: Velo. Wheels: 2. Color: green.",
        {"brand": "Velo", "wheels": 2, "color": "green"},
    ),
    ("easy", "Item: lamp, stock: 17", {"item": "lamp", "stock": 17}),
    ("medium", "I ordered three pizzas and two salads for tonight.", {"pizzas": 3, "salads": 2}),
    (
        "medium",
        "Helen Moss, a cardiologist from Leeds, will speak at the meeting.",
        {"name": "Helen Moss", "profession": "cardiologist", "city": "Leeds"},
    ),
    (
        "medium",
        "Flight KX207 leaves gate B12 at 18:45.",
        {"flight": "KX207", "gate": "B12", "time": "18:45"},
    ),
    (
        "medium",
        "The laptop costs 899 euros and has 16 GB of memory.",
        {"product": "laptop", "price": 899, "memory_gb": 16},
    ),
    (
        "medium",
        "Call Ravi on 0171 555 09, he needs the report by Thursday.",
        {"contact": "Ravi", "phone": "0171 555 09", "deadline": "Thursday"},
    ),
    (
        "medium",
        "Founded in 1987, Norvik employs 240 people in Bergen.",
        {"company": "Norvik", "founded": 1987, "employees": 240},
    ),
    (
        "medium",
        "Mix 200 g of flour with 3 eggs and 50 g of sugar.",
        {"flour_g": 200, "eggs": 3, "sugar_g": 50},
    ),
    (
        "medium",
        "Sunday will be cloudy in Graz with at most 14 degrees.",
        {"day": "Sunday", "city": "Graz", "max_temperature": 14},
    ),
    (
        "medium",
        "Two adults and one child visited the zoo; they paid 41.50 in all.",
        {"adults": 2, "children": 1, "paid": 41.5},
    ),
    (
        "medium",
        "The meeting with Okafor moved from room 4 to room 9.",
        {"person": "Okafor", "old_room": 4, "new_room": 9},
    ),
    (
        "medium",
        "Order 5561: one pair of boots, size 43, black.",
        {"order": 5561, "size": 43, "color": "black"},
    ),
    (
        "medium",
        "Goals by Silva and Brandt gave Hafen a 2-0 win over Union.",
        {"winner": "Hafen", "loser": "Union", "winner_goals": 2, "loser_goals": 0},
    ),
    (
        "medium",
        "Our cat Minka, a four-year-old Persian, has been missing since Monday.",
        {"name": "Minka", "breed": "Persian", "age": 4},
    ),
    (
        "medium",
        "Rent is 720 a month plus 80 for heating; the flat has 3 rooms.",
        {"rent": 720, "heating": 80, "rooms": 3},
    ),
    (
        "hard",
        (
            "Ben bought four tickets at 12 euros each and paid with a 50 euro note. (Give the price"
            " of all tickets and what he got back.)"
        ),
        {"total": 48, "change": 2},
    ),
    (
        "hard",
        (
            "Ida is two years older than her brother Nils, who turned nine yesterday. (Give the"
            " ages in years as numbers.)"
        ),
        {"ida_age": 11, "nils_age": 9},
    ),
    (
        "hard",
        (
            "We first wanted the blue one for 30, then the red one for 45, but in the end took the"
            " green one at the price of the blue one."
        ),
        {"color": "green", "price": 30},
    ),
    (
        "hard",
        "The train due at 14:50 arrives forty minutes late on track 7 instead of 3. (Use HH:MM.)",
        {"arrival": "15:30", "track": 7},
    ),
    (
        "hard",
        (
            "Hi, this is Tom Reyes. Not the Tom from accounting, the one in sales. My badge, 4471,"
            " stopped working; 4417 was the old one."
        ),
        {"name": "Tom Reyes", "department": "sales", "badge": 4471},
    ),
    (
        "hard",
        (
            "The March invoice (no. 88) is paid. The April invoice (no. 93, 310 euros) is still"
            " open, and May's has not been sent. (Describe the open invoice; 'paid' is true or"
            " false.)"
        ),
        {"invoice": 93, "month": "April", "amount": 310, "paid": False},
    ),
    (
        "hard",
        (
            "She did not leave a phone number, only her address: 8 Mill Lane. Her name is Joan"
            " Pike. (Use null for what is missing.)"
        ),
        {"name": "Joan Pike", "phone": None, "address": "8 Mill Lane"},
    ),
    (
        "medium",
        (
            "Dear team, the yearly picnic takes place on Saturday in Elm Park. We start at noon"
            " with a short walk around the lake. Please bring something to drink; food is provided"
            " by the kitchen. There will be games for children, and dogs are welcome if kept on a"
            " lead. If it rains, we will move to the town hall. Questions go to Greta in room 210."
        ),
        {"event": "picnic", "day": "Saturday", "place": "Elm Park", "contact": "Greta"},
    ),
    (
        "medium",
        (
            "The old lighthouse of Skerry Point was built in 1848 and is 31 metres high. For more"
            " than a century a keeper and his family lived beside it and lit the lamp each evening."
            " In 1962 the lamp was made electric and the last keeper, Angus Reid, moved to the"
            " village. Today the house is a small museum, open from May to September, and about"
            " 9000 people climb the 154 steps each year."
        ),
        {"built": 1848, "height_m": 31, "last_keeper": "Angus Reid", "steps": 154},
    ),
    (
        "hard",
        (
            "Minutes: Present were Adler, Bose and Chen; Diaz was ill. Adler proposed to raise the"
            " budget from 12000 to 15000. Chen found this too much and suggested 13500. After a"
            " short talk Adler withdrew her proposal, and Chen's was accepted by two votes to one,"
            " Bose voting against. The next meeting was planned for 4 June but, as Bose is away"
            " then, will be held one week later. Diaz, although absent, will write the report."
            " (Write next_meeting like '4 June'.)"
        ),
        {"budget": 13500, "against": "Bose", "next_meeting": "11 June", "report_by": "Diaz"},
    ),
    (
        "hard",
        (
            "Log of the night shift: at 22:10 pump A reported low pressure and was restarted. At"
            " 23:35 the same message came from pump C, which was switched off because its seal"
            " leaked. Pump B ran all night without trouble. At 02:20 pump A failed for good and B"
            " took over its load. The engineer ordered one seal and one motor; the seal arrives on"
            " Tuesday, the motor two days after it. Nobody was hurt. (Count only pumps still"
            " running at the end; the day is when the motor arrives.)"
        ),
        {
            "running_pumps": 1,
            "leaking_pump": "C",
            "pump_a_failed_at": "02:20",
            "motor_day": "Thursday",
        },
    ),
    (
        "hard",
        (
            "Vera, Paul and Mona shared a taxi that cost 36 euros. Paul, who had only come half of"
            " the way, paid 6; the two others split the rest evenly. On the way back they walked."
            " (Numbers only as values.)"
        ),
        {"vera": 15, "paul": 6, "mona": 15},
    ),
)


def make() -> list[PromptRecord]:
    """Return the extraction prompts."""
    rng = Random(109)
    asks = Endings(rng, ASKS)
    out = Collector("extraction")
    for difficulty, text, fields in ITEMS:
        keys = ", ".join(fields)
        hint = QUOTES if any(type(value) in (int, float) for value in fields.values()) else ""
        prompt = f"{asks.next().format(keys=keys)}{hint}\n\nText: {text}"
        out.add(difficulty, prompt, "json", json.dumps(fields, ensure_ascii=False))
    return out.records
