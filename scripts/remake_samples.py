"""Re-make the sample data in routerlib/samples: write the questions and prompts, record the votes.

    make samples                                all of it, in the three steps below (a few minutes
    on two cores) python scripts/remake_samples.py            questions.jsonl, vote_questions.jsonl,
    prompts.jsonl python -m routerlib run 03 04               both stand-in models answer the
    questions, and are graded python scripts/remake_samples.py --record   that run's responses,
    outcomes, and the votes they amount to

Everything below was written for this project. The questions run from what any model knows to what a
135-million-parameter model cannot know, so that some are right for both stand-ins, some for one,
some for none.
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

from routerlib import settings
from routerlib.answers import grading
from routerlib.collecting import collection
from routerlib.rows import jsonl
from routerlib.rows.schemas import Conversation, Question, Responses, Sample, Vote, VoteQuestion

SEED = 7

# category -> "question | answer | other right answers …", one a line
OPEN = {
    "opposites": """
        What is the opposite of hot? | cold
        What is the opposite of up? | down
        What is the opposite of tall? | short | small
        What is the opposite of fast? | slow
        What is the opposite of day? | night
        What is the opposite of happy? | sad | unhappy
        What is the opposite of light? | dark | heavy
        What is the opposite of old? | young | new
        What is the opposite of rich? | poor
        What is the opposite of open? | closed | shut | close
        What is the opposite of wet? | dry
        What is the opposite of strong? | weak
        What is the opposite of early? | late
        What is the opposite of empty? | full
        What is the opposite of north? | south
        What is the opposite of begin? | end | finish | stop
        What is the opposite of love? | hate | hatred
        What is the opposite of loud? | quiet | silent | soft
        What is the opposite of generous? | stingy | mean | selfish | miserly
        What is the opposite of victory? | defeat | loss
        What is the opposite of ancient? | modern | new
        What is the opposite of expand? | contract | shrink
        What is the opposite of scarce? | abundant | plentiful
        What is the opposite of humble? | proud | arrogant
        What is the opposite of hard? | soft | easy
        What is the opposite of black? | white
        What is the opposite of true? | false
        What is the opposite of buy? | sell
        What is the opposite of push? | pull
        What is the opposite of win? | lose
        What is the opposite of high? | low
        What is the opposite of inside? | outside
        What is the opposite of near? | far
        What is the opposite of deep? | shallow
        What is the opposite of thick? | thin
        What is the opposite of clean? | dirty
        What is the opposite of alive? | dead
        What is the opposite of first? | last
        What is the opposite of question? | answer
        What is the opposite of friend? | enemy | foe
        What is the opposite of peace? | war
        What is the opposite of increase? | decrease | reduce
        What is the opposite of success? | failure
        What is the opposite of optimist? | pessimist
        What is the opposite of guilty? | innocent
        What is the opposite of sweet? | sour | bitter
        What is the opposite of smooth? | rough
        What is the opposite of noisy? | quiet | silent
    """,
    "capitals": """
        What is the capital of France? | Paris
        What is the capital of Italy? | Rome
        What is the capital of Spain? | Madrid
        What is the capital of Germany? | Berlin
        What is the capital of Japan? | Tokyo
        What is the capital of China? | Beijing
        What is the capital of Russia? | Moscow
        What is the capital of Egypt? | Cairo
        What is the capital of Greece? | Athens
        What is the capital of India? | New Delhi | Delhi
        What is the capital of Portugal? | Lisbon
        What is the capital of Austria? | Vienna
        What is the capital of Sweden? | Stockholm
        What is the capital of Norway? | Oslo
        What is the capital of Poland? | Warsaw
        What is the capital of Ireland? | Dublin
        What is the capital of Canada? | Ottawa
        What is the capital of Kenya? | Nairobi
        What is the capital of Cuba? | Havana
        What is the capital of Thailand? | Bangkok
        What is the capital of Hungary? | Budapest
        What is the capital of Peru? | Lima
        What is the capital of Mongolia? | Ulaanbaatar | Ulan Bator
        What is the capital of Kazakhstan? | Astana
        What is the capital of Burkina Faso? | Ouagadougou
        What is the capital of Bhutan? | Thimphu
        What is the capital of Slovenia? | Ljubljana
        What is the capital of Suriname? | Paramaribo
        What is the capital of Denmark? | Copenhagen
        What is the capital of Finland? | Helsinki
        What is the capital of Belgium? | Brussels
        What is the capital of the Netherlands? | Amsterdam
        What is the capital of Switzerland? | Bern | Berne
        What is the capital of Turkey? | Ankara
        What is the capital of Iran? | Tehran
        What is the capital of Iraq? | Baghdad
        What is the capital of Argentina? | Buenos Aires
        What is the capital of Chile? | Santiago
        What is the capital of Brazil? | Brasília | Brasilia
        What is the capital of Mexico? | Mexico City
        What is the capital of Australia? | Canberra
        What is the capital of New Zealand? | Wellington
        What is the capital of South Korea? | Seoul
        What is the capital of Vietnam? | Hanoi
        What is the capital of Nepal? | Kathmandu
        What is the capital of Ukraine? | Kyiv | Kiev
        What is the capital of Romania? | Bucharest
        What is the capital of Bulgaria? | Sofia
        What is the capital of Morocco? | Rabat
        What is the capital of Nigeria? | Abuja
        What is the capital of Ethiopia? | Addis Ababa
        What is the capital of Iceland? | Reykjavik | Reykjavík
    """,
    "everyday knowledge": """
        What color is the sky on a clear day? | blue
        What color is grass? | green
        What color is snow? | white
        What color is a ripe banana? | yellow
        How many days are in a week? | 7 | seven
        How many months are in a year? | 12 | twelve
        How many hours are in a day? | 24 | twenty-four
        How many minutes are in an hour? | 60 | sixty
        How many legs does a dog have? | 4 | four
        How many wheels does a bicycle have? | 2 | two
        How many sides does a triangle have? | 3 | three
        How many fingers are on one hand? | 5 | five
        What do bees make? | honey
        What do cows give us to drink? | milk
        What is frozen water called? | ice
        What do you use to cut paper? | scissors | a pair of scissors
        What do you call a baby dog? | puppy | a puppy
        What do you call a baby cat? | kitten | a kitten
        Which meal do people eat in the morning? | breakfast
        Which season comes after winter? | spring
        What do you wear on your feet? | shoes | socks | shoes and socks
        What is bread made from? | flour | wheat | dough
        How many letters are in the English alphabet? | 26 | twenty-six
        How many cents are in a dollar? | 100 | one hundred | a hundred
        How many players of one team are on the field in soccer? | 11 | eleven
        How many keys does a standard piano have? | 88 | eighty-eight
    """,
    "nature": """
        Which animal says moo? | cow | the cow | a cow
        Which animal barks? | dog | the dog | a dog
        Which planet do we live on? | Earth | the Earth
        What is the largest animal on Earth? | blue whale | the blue whale | whale
        What is the fastest land animal? | cheetah | the cheetah
        What is the tallest animal? | giraffe | the giraffe
        How many legs does a spider have? | 8 | eight
        How many legs does an insect have? | 6 | six
        What do caterpillars turn into? | butterflies | butterfly | moths | a butterfly
        Which bird is a symbol of peace? | dove | the dove
        What is the largest ocean? | Pacific | Pacific Ocean | the Pacific Ocean
        What is the longest river in Africa? | Nile | the Nile | Nile River
        What is the highest mountain in the world? | Mount Everest | Everest
        What is the largest planet in the solar system? | Jupiter
        Which planet is known as the red planet? | Mars
        Which planet is closest to the sun? | Mercury
        What gas do plants take in from the air? | carbon dioxide | CO2
        What gas do people need to breathe? | oxygen
        What star is at the center of the solar system? | the Sun | Sun
        What is the hardest natural material? | diamond
        Which bird cannot fly and lives in Antarctica? | penguin | the penguin | penguins
        What is a group of wolves called? | pack | a pack
        What is a group of crows called? | murder | a murder
        How many hearts does an octopus have? | 3 | three
    """,
    "science": """
        What is the chemical symbol of gold? | Au
        What is the chemical symbol of silver? | Ag
        What is the chemical symbol of iron? | Fe
        What is the chemical symbol of oxygen? | O | O2
        What is the chemical symbol of sodium? | Na
        What is the chemical symbol of potassium? | K
        What is the chemical symbol of tungsten? | W
        What is the chemical formula of water? | H2O
        What is the chemical formula of table salt? | NaCl
        Which force pulls objects to the ground? | gravity
        Who developed the theory of relativity? | Albert Einstein | Einstein
        Who discovered penicillin? | Alexander Fleming | Fleming
        Which organ pumps blood? | heart | the heart
        Which organ do we think with? | brain | the brain
        At how many degrees Celsius does water boil? | 100 | 100 degrees
        At how many degrees Celsius does water freeze? | 0 | 0 degrees | zero
        What is the unit of electric current? | ampere | amp | amperes
        What is the unit of force? | newton | newtons
        What is the atomic number of carbon? | 6 | six
        What is the atomic number of uranium? | 92
        Which scientist wrote the three laws of motion? | Isaac Newton | Newton
        What part of the cell contains the DNA? | nucleus | the nucleus
        What is the half-life of carbon-14 in years? | 5730
        What is the capital letter used for the Planck constant, upper or lower case h? | \
            lower case | lowercase | h
    """,
    "language": """
        What is the plural of cat? | cats
        What is the plural of child? | children
        What is the plural of mouse? | mice
        What is the plural of foot? | feet
        What is the plural of knife? | knives
        What is the plural of goose? | geese
        What is the plural of ox? | oxen
        What is the past tense of go? | went
        What is the past tense of eat? | ate
        What is the past tense of run? | ran
        What is the past tense of see? | saw
        What is the past tense of buy? | bought
        What is the past tense of swim? | swam
        What is the past tense of seek? | sought
        What is the French word for hello? | bonjour
        What is the Spanish word for yes? | sí | si
        What is the Spanish word for house? | casa | la casa
        What is the German word for dog? | Hund | der Hund
        What is the Italian word for friend? | amico | amica
        What is the French word for bread? | pain | le pain
        What is the Finnish word for snow? | lumi
        Which word means a person who writes books? | author | writer | novelist
        Which word means a person who flies a plane? | pilot | a pilot
        What is the superlative of good? | best | the best
        What is the plural of house? | houses
        What is the plural of baby? | babies
        What is the plural of box? | boxes
        What is the plural of tooth? | teeth
        What is the plural of man? | men
        What is the plural of leaf? | leaves
        What is the plural of tomato? | tomatoes
        What is the plural of sheep? | sheep
        What is the past tense of write? | wrote
        What is the past tense of take? | took
        What is the past tense of sing? | sang
        What is the past tense of walk? | walked
        What is the past tense of think? | thought
        What is the past tense of speak? | spoke
    """,
    "literature and history": """
        Who wrote Romeo and Juliet? | William Shakespeare | Shakespeare
        Who wrote Hamlet? | William Shakespeare | Shakespeare
        Who wrote Pride and Prejudice? | Jane Austen | Austen
        Who wrote War and Peace? | Leo Tolstoy | Tolstoy
        Who wrote Don Quixote? | Miguel de Cervantes | Cervantes
        Who wrote The Odyssey? | Homer
        Who painted the Mona Lisa? | Leonardo da Vinci | da Vinci | Leonardo
        Who painted The Starry Night? | Vincent van Gogh | van Gogh
        Who was the first president of the United States? | George Washington | Washington
        Who was the first person to walk on the moon? | Neil Armstrong | Armstrong
        In which year did the Second World War end? | 1945
        In which year did the First World War begin? | 1914
        In which year did Columbus reach America? | 1492
        In which country are the pyramids of Giza? | Egypt
        In which country is the Great Wall? | China
        In which city is the Eiffel Tower? | Paris
        In which city is the Colosseum? | Rome
        Who invented the telephone? | Alexander Graham Bell | Bell
        Who wrote The Magic Mountain? | Thomas Mann | Mann
        Who wrote The Man Without Qualities? | Robert Musil | Musil
        In which year was the Peace of Westphalia signed? | 1648
        In which year did the Battle of Lepanto take place? | 1571
        Who was the last emperor of the Western Roman Empire? | Romulus Augustulus | \
            Romulus Augustus
        Who composed The Well-Tempered Clavier? | Johann Sebastian Bach | Bach | J. S. Bach
    """,
    "sequences": """
        Which day comes after Monday? | Tuesday
        Which day comes after Friday? | Saturday
        Which day comes before Thursday? | Wednesday
        Which month comes after March? | April
        Which month comes after August? | September
        Which month comes before December? | November
        Which letter comes after B? | C
        Which letter comes after M? | N
        Which letter comes before Z? | Y
        Which number comes after 9? | 10 | ten
        Which number comes after 19? | 20 | twenty
        Which number comes before 50? | 49
        What comes next: 1, 2, 3, 4? | 5
        What comes next: 2, 4, 6, 8? | 10
        What comes next: 5, 10, 15, 20? | 25
        What comes next: 10, 20, 30, 40? | 50
        What comes next: 1, 4, 9, 16? | 25
        What comes next: 1, 2, 4, 8? | 16
        What comes next: 3, 6, 9, 12? | 15
        What comes next: 1, 1, 2, 3, 5, 8? | 13
        What comes next: 2, 3, 5, 7, 11? | 13
        What comes next: 100, 90, 80, 70? | 60
        What comes next: 7, 14, 21, 28? | 35
        What comes next: 1, 8, 27, 64? | 125
    """,
}

# category -> "question | right option | wrong options …"
CHOICE = {
    "everyday knowledge": """
        Which of these is a fruit? | apple | hammer | river | chair
        Which of these has four legs? | table | bird | snake | ball
        Which of these do you read? | book | spoon | shoe | cup
        Which of these is a drink? | water | brick | cotton | glass
        Which of these keeps you dry in the rain? | umbrella | fork | pencil | pillow
        Which of these is used to write? | pen | plate | sock | tree
        Which of these is the coldest? | ice | tea | soup | fire
        Which of these is a color? | red | run | dog | seven
    """,
    "nature": """
        Which of these animals lives in the sea? | shark | horse | eagle | lion
        Which of these is a mammal? | dolphin | trout | lizard | bee
        Which of these is a planet? | Saturn | Moon | Sun | Polaris
        Which of these is a tree? | oak | rose | fern | moss
        Which of these is a reptile? | crocodile | frog | otter | swan
        Which of these is an insect? | ant | spider | crab | snail
        Which of these gives light at night? | moon | rain | sand | wind
        Which of these is a metal? | iron | wood | wool | paper
    """,
    "science": """
        Which particle carries a negative charge? | electron | proton | neutron | photon
        Which of these is a noble gas? | neon | iron | chlorine | sulfur
        Which instrument measures temperature? | thermometer | barometer | ruler | scale
        Which vitamin does sunlight help the body to make? | vitamin D | vitamin C | \
            vitamin K | vitamin B12
        Which blood cells carry oxygen? | red blood cells | white blood cells | platelets | \
            plasma cells
        Which quantity is measured in joules? | energy | force | pressure | voltage
        Which of these is an acid? | vinegar | soap | bleach | baking soda
        Which organelle makes most of a cell's energy? | mitochondrion | ribosome | vacuole | \
            Golgi body
    """,
    "language": """
        Which word is a verb? | jump | blue | chair | quickly
        Which word is an adjective? | happy | sing | table | slowly
        Which word rhymes with cat? | hat | dog | tree | cup
        Which word is spelled correctly? | necessary | neccessary | necesary | neccesary
        Which word is a synonym of big? | large | tiny | thin | late
        Which word is a synonym of quick? | fast | slow | heavy | round
        Which word is a preposition? | under | house | yellow | sleep
        Which sentence is a question? | Where are you? | Sit down. | I am here. | We won!
    """,
    "literature and history": """
        Which of these was a Greek philosopher? | Plato | Napoleon | Mozart | Columbus
        Which of these wars came first? | Trojan War | Vietnam War | Cold War | Crimean War
        Which empire did Julius Caesar belong to? | Rome | Persia | China | Mali
        Which of these is a play by Shakespeare? | Macbeth | Faust | Ulysses | Emma
        Which of these composers went deaf? | Beethoven | Vivaldi | Chopin | Verdi
        Which queen ruled Britain for most of the nineteenth century? | Victoria | Elizabeth | \
            Mary | Anne
        Which treaty ended the First World War? | Versailles | Utrecht | Tordesillas | Ghent
        Which city was divided by a wall until 1989? | Berlin | Vienna | Madrid | Oslo
    """,
}

# conversations: user turns, and between them what an assistant said; "lang:" where it is not
# English
PROMPTS = """
    What time zone is Lisbon in?
    Say hello in three languages.
    How do I boil an egg?
    Give me a synonym for "important".
    What is 15 percent of 80?
    Is a tomato a fruit or a vegetable?
    List the primary colors.
    How many grams are in a kilogram?
    Spell the word "rhythm".
    Which ocean lies between Africa and Australia?
    What should I wear when it rains?
    Translate "good morning" into Spanish.
    Suggest a name for a grey cat.
    What does "etc." stand for?
    Convert 5 miles to kilometers.
    Who was the first woman in space?
    What is the past tense of "bring"?
    Write one sentence about the sea.
    Name a song one could sing at a birthday.
    What is the boiling point of water in Fahrenheit?
    How long should I steep green tea?
    Give an example of a palindrome.
    What do you call the person who leads an orchestra?
    How do you say thank you in Japanese?
    What day follows the day before yesterday if today is Sunday?
    Correct this sentence: "He don't like apples."
    What is the square root of 144?
    Name three animals that lay eggs.
    Should I capitalise the word "internet"?
    Tell me a short joke about computers.
    Write a polite email asking my landlord to repair the heating.
    Summarise the story of Cinderella in two sentences.
    Explain to a ten-year-old why the sky is blue.
    Make a packing list for a weekend in the mountains.
    Write a product description for a wooden toy train.
    Give me five questions for a job interview with a nurse.
    What are good and bad sides of living in a big city?
    Turn these notes into a paragraph: met client, liked design, wants blue logo, deadline Friday.
    Write a limerick about a baker who cannot wake up.
    Suggest a dinner for four with lentils and no dairy.
    Describe how a bicycle stays upright.
    Compare renting and buying a flat for someone who moves every three years.
    What could cause a houseplant to get yellow leaves?
    Plan a half-day walk through a city with two tired children.
    Write a toast for my grandmother's ninetieth birthday.
    Draft a short note to decline a wedding invitation kindly.
    Explain the difference between weather and climate.
    Which steps would you take to learn to swim as an adult?
    Rewrite "The report was written by the team in a hurry" in the active voice.
    What are the most common mistakes in small talk?
    Give three arguments for and three against school uniforms.
    Describe the taste of cinnamon without naming a spice.
    Write a riddle whose answer is a shadow.
    Make a table of four houseplants with their need for light and water.
    How would you explain inflation with apples?
    Give me a one-week plan to read a 300-page novel.
    Write a dialogue between a clock and a calendar.
    What is a fair way to split rent between rooms of different size?
    Explain how vaccines work, in simple words.
    Write the opening line of a detective story set in a library.
    Write a Python function that returns the n-th Fibonacci number without recursion.
    Why does my SQL query return duplicate rows after a join, and how do I find out?
    Write a regular expression that matches dates such as 2024-02-29 but not 2024-13-01.
    Find the bug: def mean(xs): return sum(xs) / len(x)
    Explain what a race condition is and show a minimal example with two threads.
    Implement binary search in Rust over a sorted slice and state its invariant.
    How would I design a rate limiter for an API that runs on ten servers?
    Refactor a function of 200 lines with five nested ifs: what would you do first?
    Write a bash one-liner that counts the lines of all .py files below a folder.
    What is the time complexity of building a heap, and why is it not n log n?
    Explain the difference between a mutex and a semaphore with a case where only one of them fits.
    Write a unit test for a function that parses durations such as "1h30m".
    Prove that the square root of 2 is irrational.
    Solve x^2 - 5x + 6 = 0 and explain each step.
    A train leaves at 9:40 and takes 2 hours and 35 minutes. When does it arrive?
    What is the derivative of x^x?
    Prove that among six people there are three who all know each other or three who all do not.
    Compute the determinant of the matrix with rows 2 1 0, 1 3 1, 0 1 2.
    How many ways are there to place three rooks on a chessboard so that none attacks another?
    Integrate the logarithm of x from 0 to 1.
    A bag holds 3 red and 5 blue balls; two are drawn. How likely is it that both are red?
    Find all integers n for which n^2 + n + 41 is divisible by 41.
    Explain why a continuous function on a closed interval takes its maximum.
    What is the expected number of coin tosses until two heads come up in a row?
    Show that the harmonic series diverges in three lines.
    Derive the formula for the sum of the first n squares.
    If I invest 1,000 at 4 percent compounded monthly, what do I have after three years?
    Which is larger, e to the pi or pi to the e, and how can one tell without a calculator?
    Why is it colder on a mountain although it is nearer to the sun?
    Explain how noise-cancelling headphones use interference.
    What would happen to the tides if the moon were twice as far away?
    Describe the evidence for plate tectonics and how it convinced geologists.
    How does a transistor amplify a signal?
    Estimate how many piano tuners work in a city of three million people.
    Explain the second law of thermodynamics and why it does not forbid a refrigerator.
    Which mechanisms make bacteria resistant to antibiotics, and how fast can they spread?
    Compare nuclear fission and fusion as sources of electricity.
    How does mRNA differ from DNA in structure and in purpose?
    What are the ethical questions around editing genes in embryos?
    Summarise the main positions in the debate about free will.
    Critique the argument that a correlation found in a large sample must be causal.
    What did Kant mean by the categorical imperative, and which objection is the strongest?
    Compare the causes of the French and the Russian revolution.
    How did the invention of the printing press change who held power in Europe?
    Write a sonnet about an empty railway station, in iambic pentameter.
    Translate this proverb and explain it: "Wer im Glashaus sitzt, soll nicht mit Steinen werfen."
    Write a contract clause that limits liability for late delivery, and explain its risks.
    A patient has fever, a stiff neck and a rash. What should be ruled out first, and why?
    My employer changed my shift with a day's notice. Which rights might I have in the EU?
    Plan the migration of a monolith to services for a team of six without stopping the product.
    Design an experiment that tells whether a new onboarding e-mail increases retention.
    Given only a balance with two pans, find the one false coin among twelve in three weighings.
    Write a business case for replacing a diesel delivery fleet of forty vans with electric ones.
    Explain how transformers use attention, and what it costs as the context grows.
    Derive the gradient of the cross-entropy loss with respect to the logits.
    What are the failure modes of p-values, and what would you report instead?
    Explain Gödel's first incompleteness theorem without hiding the hard part.
    How would you detect that a test set leaked into the training data of a language model?
"""
MULTI_TURN = [
    [
        "Write a short poem about autumn.",
        "Leaves drift down, gold and thin,\nthe year folds its coat and goes in.",
        "Do it again, but shorter.",
    ],
    [
        "What is the tallest mountain in Africa?",
        "Kilimanjaro, at 5,895 metres.",
        "And in South America?",
    ],
    [
        "Explain recursion.",
        "A function that calls itself on a smaller case until a base case is reached.",
        "Show it in Python with the Towers of Hanoi and prove the number of moves.",
    ],
    [
        "Suggest a name for my bakery.",
        "How about “The Early Crumb”?",
        "I like it. Now write a slogan for it.",
    ],
    [
        "Is 91 a prime number?",
        "No: 91 = 7 × 13.",
        "Prove that there are infinitely many primes of the form 4k + 3.",
    ],
    [
        "Help me plan a birthday party.",
        "Gladly. How many guests, indoors or outdoors?",
        "Twelve children, outdoors, and it might rain.",
    ],
]
OTHER_LANGUAGES = [
    ("German", "Wie koche ich Reis, ohne dass er anbrennt?"),
    ("French", "Explique la photosynthèse à un enfant de huit ans."),
    ("Spanish", "¿Cuál es la diferencia entre “ser” y “estar”?"),
    ("Italian", "Scrivi una breve poesia sul mare d'inverno."),
    ("Japanese", "東京から京都まで電車でどのくらいかかりますか。"),
    ("Portuguese", "Como funciona um motor elétrico?"),
]
REPEATED = [
    "How do I boil an egg?",
    "How do I boil an egg ?",
    "Explain to a ten-year-old why the sky is so blue.",
]
REDACTED = ["My name is NAME_1 and I live in NAME_2. Write a cover letter for me."]


def lines(text: str) -> Iterator[list[str]]:
    """The parts between bars of each line that is not empty."""
    for line in text.strip().splitlines():
        yield [part.strip() for part in line.split(" | ")]


def arithmetic(generator: random.Random) -> Iterator[tuple[str, str, str]]:
    """(category, question, answer), from one-digit sums to products out of reach, and plain
    division tables.
    """
    forms = {
        "addition": ("+", lambda a, b: a + b, [(2, 9, 20), (11, 49, 24), (101, 499, 6)]),
        "subtraction": ("-", lambda a, b: a - b, [(2, 9, 8), (11, 49, 10), (101, 499, 4)]),
        "multiplication": ("*", lambda a, b: a * b, [(2, 12, 62), (13, 29, 6), (101, 499, 6)]),
    }
    for category, (sign, compute, tiers) in forms.items():
        for low, high, count in tiers:
            pairs = [
                (a, b)
                for a, b in itertools.product(range(low, min(high, low + 60) + 1), repeat=2)
                if a >= b
            ]
            for a, b in generator.sample(pairs, count):
                yield category, f"What is {a} {sign} {b}?", str(compute(a, b))
    for quotient, divisor in generator.sample(
        list(itertools.product(range(2, 13), range(2, 11))), 48
    ):
        yield "division", f"What is {quotient * divisor} divided by {divisor}?", str(quotient)


def questions() -> list[Question]:
    """All sample questions, in a fixed shuffled order, so that any first part of them is a fair
    sample.
    """
    generator = random.Random(SEED)
    rows = []
    for category, text in OPEN.items():
        for question, answer, *others in lines(text):
            rows.append(
                {
                    "question": question,
                    "answer_correct": answer,
                    "answer_alternatives": others,
                    "category": category,
                }
            )
    for category, question, answer in arithmetic(generator):
        rows.append({"question": question, "answer_correct": answer, "category": category})
    for category, text in CHOICE.items():
        for question, *choices in lines(text):
            right, order = choices[0], generator.sample(choices, len(choices))
            rows.append(
                {
                    "question": question,
                    "answer_correct": right,
                    "choices": order,
                    "choice_index_correct": order.index(right),
                    "category": category,
                }
            )
    generator.shuffle(rows)
    return [
        Question(unique_id=f"sample-{number:03d}", **row)
        for number, row in enumerate(rows, start=1)
    ]


def conversations() -> list[Conversation]:
    """The unlabelled prompts, with a few rows that the filters of 02 must take out."""
    singles = [line[0] for line in lines(PROMPTS)]
    rows = [([text], "English", False) for text in singles]
    rows += [(turns, "English", False) for turns in MULTI_TURN]
    rows += [([text], language, False) for language, text in OTHER_LANGUAGES]
    rows += [([text], "English", False) for text in REPEATED]
    rows += [([text], "English", True) for text in REDACTED]
    random.Random(SEED).shuffle(rows)
    return [conversation(number, *row) for number, row in enumerate(rows, start=1)]


def conversation(number: int, turns: list[str], language: str, redacted: bool) -> Conversation:
    """One row in the schema of lmsys-chat-1m; user and assistant take turns."""
    messages = [
        {"role": role, "content": text}
        for role, text in zip(itertools.cycle(["user", "assistant"]), turns, strict=False)
    ]
    return Conversation(
        conversation_id=f"sample-prompt-{number:03d}",
        model="none",
        conversation=messages,
        turn=(len(turns) + 1) // 2,
        language=language,
        openai_moderation=[{"flagged": False}] * len(messages),
        redacted=redacted,
    )


def votes(inferior: Path, superior: Path) -> Iterator[Vote]:
    """A vote for each pair of graded samples: who is right wins, both right or both wrong is a tie.
    Sides alternate.
    """
    weak_rows = {row.unique_id: row for row in jsonl.read_rows(inferior, Responses)}
    for number, row in enumerate(jsonl.read_rows(superior, Responses)):
        pairs = itertools.product(row.responses, weak_rows[row.unique_id].responses)
        for judge, (strong, weak) in enumerate(pairs, start=1):
            is_swapped = (number + judge) % 2 == 0
            yield Vote(
                question_id=row.unique_id,
                model_a="standin-inferior" if is_swapped else "standin-superior",
                model_b="standin-superior" if is_swapped else "standin-inferior",
                winner=winner(strong, weak, is_swapped),
                judge=f"grader_{judge}",
                turn=1,
            )


def winner(strong: Sample, weak: Sample, is_swapped: bool) -> str:
    """Who wins a pair, the superior model standing on side a unless swapped."""
    if strong.is_correct == weak.is_correct:
        return "tie"
    return "model_a" if strong.is_correct != is_swapped else "model_b"


def write_texts() -> None:
    rows = questions()
    print(f"{jsonl.write_rows(settings.SAMPLES / 'questions.jsonl', rows)} questions")
    about = [
        VoteQuestion(question_id=row.unique_id, category=row.category, turns=[row.question])
        for row in rows
    ]
    jsonl.write_rows(settings.SAMPLES / "vote_questions.jsonl", about)
    print(f"{jsonl.write_rows(settings.SAMPLES / 'prompts.jsonl', conversations())} prompts")


def record() -> None:
    """Copy the last run's answers and outcomes into the samples, and write the votes they amount
    to.
    """
    for side in ("inferior", "superior"):
        responses = settings.outputs("responses", f"standin-{side}_sample.jsonl")
        count = jsonl.write_rows(
            settings.SAMPLES / f"responses_{side}.jsonl", collection.read_responses(responses)
        )
        print(f"{count} rows of responses, {side}")
    graded = [
        settings.outputs("graded", f"standin-{side}_sample.jsonl")
        for side in ("inferior", "superior")
    ]
    outcomes, _ = grading.join_outcomes(*graded)
    print(f"{jsonl.write_rows(settings.SAMPLES / 'outcomes.jsonl', outcomes)} outcomes")
    print(f"{jsonl.write_rows(settings.SAMPLES / 'votes.jsonl', votes(*graded))} votes")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--record", action="store_true", help="take over the answers of the last run"
    )
    record() if parser.parse_args().record else write_texts()


if __name__ == "__main__":
    main()
