"""The fake model's English: word lists and sentence frames, meaningless but varied."""

from __future__ import annotations

from random import Random


def _listed(text: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(separator))


NOUNS = _listed(
    "invoice harbour teacher recipe bicycle contract garden printer museum engine customer river "
    "schedule battery novel orchard password kitchen budget violin server passport bridge festival "
    "refund keyboard telescope tenant vaccine warehouse landlord balcony sensor ferry notebook "
    "pension glacier courier dashboard orchestra bakery airport lighthouse database newsletter "
    "compiler thermostat library subscription volcano elevator pharmacy satellite carpenter "
    "greenhouse spreadsheet tournament tractor umbrella vineyard workshop archive canteen"
)
ADJECTIVES = _listed(
    "quiet broken annual local modern fragile distant crowded cheap careful public second-hand "
    "digital narrow seasonal shared foreign temporary reliable ancient colourful missing urgent "
    "electric formal portable sunny rural unpaid new busy remote secure outdated popular wooden "
    "northern weekly generous hidden complex reusable"
)
VERBS = _listed(
    "repair compare describe replace translate schedule inspect organise rewrite cancel measure "
    "explain upgrade summarise insure clean review deliver install label photograph sort protect "
    "rent design test update list monitor renew choose plan calibrate catalogue"
)
PEOPLE = _listed(
    "a nurse|a first-year student|a small bakery|an accountant|a new colleague|the village council|"
    "a retired engineer|a travel agency|my neighbour|a young farmer|the support team|a librarian|"
    "a train driver|two flatmates|a football club|a museum guide|a beekeeper|the night shift|"
    "a freelance designer|a school choir|a marine biologist|the sales desk|a hotel manager|a plumber",
    "|",
)
PLACES = _listed(
    "in Lisbon|near the coast|on the second floor|at the old station|in a mountain village|downtown|"
    "in the test laboratory|behind the town hall|at home|on a long ferry trip|in the data centre|"
    "next to the canal|in a shared office|at the weekend market|across the border|under the stairs",
    "|",
)
TIMES = _listed(
    "before Monday|within two hours|during the winter|after the audit|every third week|by noon|"
    "once the rain stops|before the guests arrive|over the holidays|at the end of the quarter|"
    "while the shop is closed|on a tight budget|without any tools|at short notice|in three steps|"
    "when nobody is around",
    "|",
)
MEANS = _listed(
    "with a simple checklist|using a spare part|through the web form|with the help of a friend|"
    "by comparing two quotes|with a short phone call|by reading the manual first|in plain language|"
    "with a borrowed ladder|by splitting the work|with coloured labels|using last year's figures",
    "|",
)
REASONS = _listed(
    "it saves both time and money|the old one no longer starts|nobody kept the receipt|"
    "the rules changed last spring|most mistakes happen at this point|it keeps everyone informed|"
    "small errors add up quickly|the warranty ends soon|visitors ask about it daily|"
    "a backup was never made|the weather is hard to predict|it is easier to undo later",
    "|",
)

STATEMENTS = (
    "First, {verb} the {adj} {noun} {means}, because {reason}.",
    "The {adj} {noun} {place} should be ready {time}.",
    "It helps to {verb} every {noun} {time}, since {reason}.",
    "{person} usually keeps the {noun} {place} and checks the {noun2} {time}.",
    "If the {noun} looks {adj}, {verb} it {means} and write down what you saw.",
    "Most people {verb} the {noun2} too late, although {reason}.",
    "A {adj} {noun} costs about {number} euros, while a {adj2} one needs {number2} days to arrive.",
    "Ask {person} to {verb} the {noun} {place}, then {verb2} the {noun2} {means}.",
    "There are {number} reasons to {verb} a {noun}, and the main one is that {reason}.",
    "Keep the {noun2} away from the {adj} {noun}; {reason}.",
    "After that, {verb2} what is left of the {noun2} {time}.",
    "Between the {noun} and the {noun2}, the {adj} choice is to {verb} both {means}.",
    "In short, {verb} the {noun} {time} and tell {person} about it.",
    "Nothing about the {adj2} {noun2} changes until {person} can {verb} it {place}.",
)
QUESTIONS = (
    "How can {person} {verb} a {adj} {noun} {time}?",
    "What is the best way to {verb} {number} {noun}s {place}?",
    "Why would {person} {verb} the {noun} when {reason}?",
    "Which {noun} should I {verb} first if the {noun2} is {adj}?",
    "Is it safe to {verb} a {adj} {noun} {means}?",
    "When should {person} {verb} the {adj} {noun}, and who pays for the {noun2}?",
    "Can you {verb} my {noun} {place} {time}?",
    "How many {adj} {noun}s does {person} need to {verb} a {noun2}?",
)
COMMANDS = (
    "Write a short note to {person} about the {adj} {noun} {place}.",
    "List {number} ways to {verb} a {noun} {means}.",
    "{verb} the following {noun} record and name the {adj} {noun2} in it.",
    "Explain to {person} how to {verb} a {adj} {noun} {time}.",
    "Give me a plan to {verb} the {noun} and the {noun2} {place}.",
    "Compare a {adj} {noun} with a {adj2} {noun2} for {person}.",
    "Draft an apology to {person}, whose {noun} was {adj} {place}.",
    "Suggest a name for a {noun} that {person} wants to {verb} {time}.",
    "Turn these remarks about a {adj} {noun} into a checklist for {person}.",
    "Describe what happens to a {noun} {place} if nobody can {verb} it.",
)
SITUATIONS = (
    "My {adj} {noun} has been {place} for {number} days.",
    "I work for {person} who owns a {adj} {noun}.",
    "We have to {verb} {number} {noun}s {time}.",
    "{person} told me that {reason}.",
    "The {noun} and the {noun2} are both {adj}.",
    "Somebody tried to {verb} our {noun} {means}.",
    "There is a {adj} {noun} {place} and a {adj2} {noun2} at home.",
)


def sentence(rng: Random, frames: tuple[str, ...] = STATEMENTS) -> str:
    """One random sentence from `rng`."""
    pick = rng.random
    text = frames[int(pick() * len(frames))].format(
        verb=VERBS[int(pick() * len(VERBS))],
        verb2=VERBS[int(pick() * len(VERBS))],
        noun=NOUNS[int(pick() * len(NOUNS))],
        noun2=NOUNS[int(pick() * len(NOUNS))],
        adj=ADJECTIVES[int(pick() * len(ADJECTIVES))],
        adj2=ADJECTIVES[int(pick() * len(ADJECTIVES))],
        person=PEOPLE[int(pick() * len(PEOPLE))],
        place=PLACES[int(pick() * len(PLACES))],
        time=TIMES[int(pick() * len(TIMES))],
        means=MEANS[int(pick() * len(MEANS))],
        reason=REASONS[int(pick() * len(REASONS))],
        number=2 + int(pick() * 18),
        number2=2 + int(pick() * 18),
    )
    return text[0].upper() + text[1:]


def instruction(rng: Random) -> str:
    """A question or a command, as a user would type it, mostly with a sentence of context."""
    asked = sentence(rng, QUESTIONS if rng.random() < 0.5 else COMMANDS)
    if rng.random() < 0.3:
        return asked
    return f"{sentence(rng, SITUATIONS)} {asked}"


def paragraph(rng: Random, low: int = 2, high: int = 4) -> str:
    """From `low` to `high` statements in a row."""
    return " ".join(sentence(rng) for _ in range(low + int(rng.random() * (high - low + 1))))


def phrase(rng: Random) -> str:
    """A few words, for a title or a label."""
    return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
