"""The value a closing sentence says: its main clause against purposes, durations, comparisons, and
what is left unread because two values are equally good.
"""

import pytest

from routerlib.answers.closing import closing_value


@pytest.mark.parametrize(
    "text, value",
    [
        ("Hence Nadia must sell 14 more lamps to reach her goal of 50.", "14"),
        ("It takes the crew 35 minutes to paint the 200-meter fence.", "35"),
        ("He still has to walk 6 km.", "6"),
        ("In order to fill 80 seats she needs 11 more guests.", "11"),
        ("They would need at least 13 crates to carry more than 150 melons.", "13"),
    ],
)
def test_a_purpose_is_not_what_a_sentence_says(text, value):
    assert closing_value(text) == value


@pytest.mark.parametrize(
    "text, value",
    [
        ("The coat is $56, after a 30% discount.", "$56"),
        ("So in 8 days the snail climbs 24 meters.", "24"),
        ("The school orders 6 vans for 41 children.", "6"),
        ("There are 21 cows left out of the 70.", "21"),
        ("Each of the 5 cousins receives $17.", "$17"),
        ("20% of 300 is 60.", "60"),
        ("After 4 hours the pool holds 48 liters.", "48"),
        ("A ticket costs $12 instead of $15.", "$12"),
        ("She earns a total of 90 euros in 6 weeks.", "90"),
        ("The sale brings a profit of $640.", "$640"),
        ("On day 9 the plant has 22 leaves.", "22"),
        ("The party needs $14 for 1 kite and 1 lamp.", "$14"),
        ("Dividing 60 by 4, the answer of the riddle comes to 15.", "15"),
        ("The minimum, attained at x = 2, is 4.", "4"),
        ("The 9 hens cost her $63.", "$63"),
        ("En total pagó 70 euros en 5 tiendas.", "70"),
        ("Er braucht noch 14 Euro, um 40 Euro zu haben.", "14"),
        ("He is left with the remaining $10.", "$10"),
        ("Quedan 12 peras de las 30.", "12"),
        ("Sie fuhr 90 km in 2 Stunden.", "90"),
        ("Il reste 14 billes après 3 tours.", "14"),
        ("Всего они собрали 28 кг за 4 дня.", "28"),
    ],
)
def test_what_stands_beside_the_verb_is_not_what_a_sentence_says(text, value):
    assert closing_value(text) == value


@pytest.mark.parametrize(
    "text, value",
    [
        ("Since a carton holds 12 jars, they need 9 cartons.", "9"),
        ("He gets 8 marks, although 10 were promised.", "8"),
        ("They sold 45 cones, 7 more than on Friday.", "45"),
        ("Ole has 16 stamps more than he had 3 years ago.", "16"),
        ("The loaf weighs 750 g, which is 3 times the usual 250 g.", "750"),
        ("He packs 2 dozen, which is 24 eggs.", "24"),
        ("Lea runs 4 km, Tim runs 5 km, and together they run 9 km.", "9"),
        ("Lea runs 4 km, Tim runs 5 km, 9 km in all.", "9"),
        ("There are 8 cats and 5 dogs, so there are 3 more cats.", "3"),
        ("The roots are 5 and -5; their product is -25.", "-25"),
        ("It is 90 minutes, and since an hour has 60, it takes 90 / 60 = 1.5 hours.", "1.5"),
        ("She pays 3 * $4 = $12 and then 2 * $5 = $10, a total of $12 + $10 = $22.", "$22"),
        ("So he makes 7 rings (with 2 stones to spare).", "7"),
        ("The maximum is 4, which is reached when x = 2 and y = 1.", "4"),
        ("一共有 30 个, 比昨天多 6 个", "30"),
        ("He walks 2.5 hours, or 150 minutes.", "2.5"),
        ("He walks 2.5 hours, i.e. 150 minutes.", "2.5"),
        ("She paid 40% of $350, i.e. $140.", "$140"),
        ("They sold 3 times as many pens, i.e. 54 pens.", "54"),
        ("Custa 30 reais o frete; portanto, o total é 150.", "150"),
        ("It would be 15 if it were not for the rebate; with the rebate it is 11.", "11"),
        ("The chance is 7 in 40.", "7/40"),
        ("The region measures 9π − 18.", "9π − 18"),
        ("So g falls on (−∞, −2) and (5, ∞).", "(−∞, −2) \\cup (5, ∞)"),
        ("The equation has no real roots.", "no solution"),
        ("Thus the limit does not exist.", "does not exist"),
        ("There is no solution for k = 3; for all others it is 8.", "8"),
        ("El total es 1.250 euros.", "1.250 euros"),
        ("The ratio is 4 to 7.", "4:7"),
        ("The ratio of cats to dogs is 4:7.", "4:7"),
        ("It costs 4 to 7 dollars.", None),
        ("The price rose from 4 to 7 dollars.", "7"),
        ("So the side is √7 ≈ 2.646 cm.", "√7 ≈ 2.646"),
        ("The two numbers are 7 and 12.", "7, 12"),
        ("There are infinitely many solutions.", "infinitely many"),
    ],
)
def test_the_clause_that_concludes_decides(text, value):
    assert closing_value(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "Ann has 5 apples and Ben has 7 apples.",
        "It takes between 3 and 4 days.",
        "There were about 300-350 guests.",
        "She buys 4 mugs for $36.",
        "They need 3 trays, leaving 2 free places.",
        "It rose from $20 to $25, an increase of $5.",
        "There are not 6 of them.",
        "The slope is 4x.",
        "The terms are 1, 4, 9, ...",
        "It costs $3 a piece, and 20 pieces cost $60.",
        "Nothing is left.",
    ],
)
def test_where_two_values_are_equally_good_none_is_read(text):
    assert closing_value(text) is None


@pytest.mark.parametrize(
    "text, value",
    [
        ("So w = 5 - 2i.", "5 - 2i"),
        ("The line is y = 4x/5 + 1.", "4x/5 + 1"),
        ("The domain is [-2, 6).", "[-2, 6)"),
        ("The primes below 8 are 2, 3, 5 and 7.", "2, 3, 5, 7"),
        ("The chance is 3 out of 8.", "3/8"),
        ("The town has 1.5 million trees.", "1.5 million"),
        (r"Its least value $6$ is reached at $t = 3$.", "6"),
        (r"$\sqrt{49} = 7$, since $7^2 = 49$.", r"\sqrt{49} = 7"),
        (r"The sum is $1 + \frac13 + \cdots = 1.5$.", "1.5"),
        ("It lasts 2 hours 40 minutes.", "2 hours 40 minutes"),
        ("It costs 6 dollars and 20 cents.", "6 dollars and 20 cents"),
        ("She bakes half a dozen pies.", "half a dozen"),
        ("He ate two dozen figs.", "two dozen"),
        ("Thus a = 4, b = 5 and a + b = 9.", "9"),
        ("The share is ⅜.", "3/8"),
        ("Each child gets seven sweets.", "seven"),
        ("It is one thousand two hundred in all.", "one thousand two hundred"),
        ("So 2 < x, i.e. x ∈ (2, 9].", "(2, 9]"),
    ],
)
def test_values_are_read_whole(text, value):
    assert closing_value(text) == value


@pytest.mark.parametrize(
    "text, value",
    [
        ("He has 12 left. Note: this assumes a loss of 3 a day.", "12"),
        ("He has 12 left. That is 5 more than Ida has.", "12"),
        ("He has **12** left, of the 40 he had, in 3 boxes.", "12"),
        ("```\nprint(5)\n```\nHe has 12 left.", "12"),
        ("| Tea | $3 |\n| Total | $8 |", "$8"),
        ("He has 12 left.\n\nFeel free to send 2 more questions!", "12"),
    ],
)
def test_remarks_behind_the_closing_sentence_do_not_change_it(text, value):
    assert closing_value(text) == value


def test_a_very_long_line_is_read_by_its_last_value():
    assert closing_value("so we go on and on " * 60 + "until 42") == "42"


@pytest.mark.parametrize(
    "text",
    [
        "Her monthly rent is $700, i.e. $8,400 a year.",
        "This jug needs 3 scoops making 12 cups.",
        "There are 216 such codes, of which 36 are odd.",
        "She saves 30 euros a week, i.e. 60 euros in two.",
        "Ida walks 40 miles. In a second month, she would walk 80 miles.",
        "To get the rest, subtract $18 from $60.",
        "The boat has 14 seats. It takes the crew over in 3 hours and 5 trips.",
        "Ida: 30. Tom: 12.",
        "He has twice 9.",
        "The sum is 1 + 18.",
        "It is neither 7 nor 9.",
        "It takes 7 (or 9).",
        "It is anything but 7.",
        "The answer is unknown; it is 7 at best, I don't know.",
    ],
)
def test_what_a_sentence_tells_besides_its_value_leaves_it_open(text):
    assert closing_value(text) is None


@pytest.mark.parametrize(
    "text, value",
    [
        ("The tank holds 90 liters. That's 15 liters more than the old one.", "90"),
        ("The tank holds 90 liters. If it were full, it would weigh 95 kg.", "90"),
        ("That is 4 and a half hours.", "4.5"),
        ("They need 18 pens. (With one pen less each, they would need 12.)", "18"),
        ("She rows 60 miles more than before: 95 miles.", "95"),
        ("We have $w^2 = 3 - 4i$. Hence w = 2 - i.", "2 - i"),
        ("So t = 7 or t = -2. We reject t = -2.", "7"),
        ("So t = 7 or t = -2, and since time is positive we discard -2.", "7"),
        ("We need $t = 6$ or $t = -6$; since $t > 0$, $t = 6$.", "t = 6"),
        (r"We get $n \equiv 4 \pmod 9$; the smallest such $n$ is 4.", "4"),
        ("所以, 剩下的 3 天里他每天读 15 页.", "15"),
    ],
)
def test_remarks_behind_the_value_are_passed_over(text, value):
    assert closing_value(text) == value
