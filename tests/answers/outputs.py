r"""Outputs in the manner of many model families, each with the verdict a careful reader gives it.

All are made up for this project, and most were written down before the rule that reads them.
CHOICES says which letter an output commits to (None: to no single one); VALUES and WORDS say
whether an output gives its known answer. `test_correctness` grades them all. A case may end with
the finish reason; without one it is "stop".
"""

RIVERS = ["the Danube", "the Rhine", "the Elbe", "the Oder"]
LENGTHS = ["12 m", "18 m", "24 m", "36 m"]
NONE_FITS = ["a lens", "a prism", "a mirror", "None of the above"]
ALL_FIT = ["copper", "silver", "gold", "All of the above"]
ESTERS = [
    "ethyl acetate",
    "methyl propanoate",
    "propyl formate",
    "butanoic acid",
    "2-methylpropanoic acid",
]
FUNCTIONS = ["X(t) = 2t", "X(t) = t^2", "X(t) = 3", "X(t) = -t"]
SORTING = ["merge sort", "bubble sort", "heap sort", "quick sort", "radix sort"]
PRICES = ["$40", "$45", "$50", "$55"]
ROMAN = ["I only", "II only", "I and III only", "I, II and III"]
TRUE_FALSE = ["True", "False"]
YES_NO = ["Yes", "No"]
VOYAGES = ["1492", "1498", "1519", "1522"]
SHARES = ["10%", "15%", "20%", "25%"]
GROWTH = ["O(n)", "O(log n)", "O(n log n)", "O(n^2)"]

CHOICES = [
    # chat models: a conclusion in bold, with a heading or without
    (RIVERS, "C", "Dresden lies on it.\n\n**Answer: C. the Elbe**"),
    (RIVERS, "C", "Dresden lies on it.\n\n### Answer\n\n**C) the Elbe**"),
    (RIVERS, "B", "Cologne is the hint.\n\n**Correct answer:** **B) the Rhine**"),
    (
        RIVERS,
        "B",
        "The correct option is:\n\n**B. the Rhine**\n\nIt passes through Basel and Cologne.",
    ),
    (RIVERS, "D", "Therefore, the river in question is:\n\n**D. the Oder**\n\nIt forms a border."),
    (RIVERS, "A", "Thus, the longest of them is:\n\n**(A)** the Danube"),
    (
        RIVERS,
        "A",
        "So the river we look for is **A. the Danube**, which flows through ten countries.",
    ),
    (RIVERS, "D", "Hence our final choice:\n\n**Option D: the Oder**"),
    (
        LENGTHS,
        "C",
        "Adding the parts gives 24 m.\n\nTherefore, the length of the fence is:\n\n**C. 24 m**",
    ),
    (LENGTHS, "B", "So the correct height is **B**."),
    (LENGTHS, "B", "**Final answer:** `B`"),
    (LENGTHS, "D", "The final answer is $\\boxed{\\text{D}}$."),
    (LENGTHS, "D", "\\[\n\\boxed{D}\n\\]"),
    (LENGTHS, "D", "$$\\boxed{\\text{(D) } 36 \\text{ m}}$$"),
    (LENGTHS, "A", "\\boxed{12}"),
    (LENGTHS, "A", "Final Answer: The final answer is $\\boxed{A}$. I hope it is correct."),
    (ESTERS, "B", "Based on this analysis, **methyl propanoate (B)** is the only one that fits."),
    (ESTERS, "E", "Of the five, only 2-methylpropanoic acid shows both signals, so E it is."),
    (ESTERS, "C", "That rules out A, B, D and E, leaving C."),
    (ESTERS, "C", "A, B, D and E are excluded by the mass, which leaves only option C."),
    (ESTERS, "A", "We are left with A."),
    (SORTING, "C", "Only C remains."),
    # options analysed under headings
    (
        SORTING,
        "A",
        "Let us look at each.\n\n**Option A:**\n- stable, O(n log n)\n\n**Option B:**\n- slow\n\n"
        "**Option C:**\n- not stable\n\nOnly the first keeps equal keys in order. The answer is A.",
    ),
    (
        SORTING,
        "C",
        "### Option A: merge sort\nNeeds memory.\n\n### Option B: bubble sort\nToo slow.\n\n"
        "### Option C: heap sort\nIn place, and fast in the worst case.\n\n"
        "### Option D: quick sort\nSlow in the worst case.\n\n### Conclusion\nOption C meets all "
        "conditions.",
    ),
    (
        SORTING,
        "E",
        "1. **A. merge sort**: compares keys.\n2. **B. bubble sort**: compares keys.\n"
        "3. **C. heap sort**: compares keys.\n4. **D. quick sort**: compares keys.\n"
        "5. **E. radix sort**: does not compare.\n\nTherefore the one without comparisons is "
        "**radix sort**.",
    ),
    (
        SORTING,
        "B",
        "The correct answer is **B. bubble sort**.\n\nWhy not the others:\n\n- **A. merge sort** "
        "is faster.\n"
        "- **C. heap sort** is faster.\n- **D. quick sort** is faster.\n- **E. radix sort** does "
        "not compare.",
    ),
    (
        SORTING,
        "D",
        "Evaluating the choices:\n\nA. merge sort is stable, which is correct but not asked.\n"
        "B. bubble sort is slow.\nC. heap sort is in place.\nD. quick sort picks a pivot.\n\n"
        "The algorithm that picks a pivot is quick sort (D).",
    ),
    (
        SORTING,
        None,
        "Option A:\n- stable\n\nOption B:\n- slow\n\nOption C:\n- in place\n\nI need more time.",
    ),
    (
        RIVERS,
        None,
        "**A. the Danube** flows east.\n\n**B. the Rhine** flows north.\n\nBoth are long.",
    ),
    (
        RIVERS,
        "B",
        "**Analysis of options**\n\nA) the Danube: ends in the Black Sea ❌\n\nB) the Rhine: ends "
        "in the "
        "North Sea ✅\n\nC) the Elbe: starts in Czechia ❌\n\nSo the right choice is B.",
    ),
    # corrections: the last explicit statement counts
    (RIVERS, "C", "The answer is (B). Wait, actually Hamburg is meant. The answer is (C)."),
    (
        RIVERS,
        "C",
        "I first thought the answer is B, the Rhine. Rereading, Hamburg is named.\n\nAnswer: C",
    ),
    (
        RIVERS,
        "D",
        "The answer is (A) the Danube, no, that ends elsewhere. So the correct answer is (D).",
    ),
    (
        RIVERS,
        "A",
        "The correct answer is B, since the Rhine is the longest river of Germany and the Danube "
        "is only partly "
        "German, the Elbe is shorter and the Oder still shorter than that.\n\nHold on. The "
        "question asks for Europe, "
        "not for Germany.\n\nSo the answer is A.",
    ),
    (RIVERS, "A", "It might seem that the answer is B, but the correct answer is A."),
    (
        RIVERS,
        "B",
        "The answer is (B). If the question had asked about Vienna, the answer would be (A).",
    ),
    # thinking in tags
    (RIVERS, "C", "<think>Maybe B. The answer is B.</think>\n\nThe answer is C."),
    (RIVERS, "C", "<thinking>\nThe answer is B?\n</thinking>\n\n**C**"),
    (RIVERS, "C", "<thought>The answer is A.</thought>C"),
    (RIVERS, "C", "<reasoning>\nThe answer is (A).\n</reasoning>\n<answer>\nC\n</answer>"),
    (
        RIVERS,
        "C",
        "<reflection>The answer is (A).</reflection>\n<output>The answer is (C).</output>",
    ),
    (RIVERS, "C", "<scratchpad>The answer is D.</scratchpad>\nC) the Elbe"),
    (RIVERS, "C", "[THINK]The answer is D. Hmm.[/THINK]The answer is **C**."),
    (RIVERS, "C", "◁think▷The answer is D.◁/think▷C"),
    (
        RIVERS,
        "C",
        (
            "<|begin_of_thought|>The answer is "
            "A.<|end_of_thought|>\n<|begin_of_solution|>C<|end_of_solution|>"
        ),
    ),
    (RIVERS, "C", "<seed:think>The answer is A.</seed:think>C"),
    (RIVERS, "C", "<analysis>The answer is A.</analysis>\n\nAnswer: C"),
    (RIVERS, None, "<think>The answer is A. But let me check the", "length"),
    (RIVERS, None, "<thinking>\nThe answer is A. But let me", "length"),
    (RIVERS, None, "[THINK]The answer is A. But", "length"),
    (RIVERS, None, "<|channel|>analysis<|message|>The answer is A. But let me", "length"),
    (
        RIVERS,
        "C",
        "<|channel|>analysis<|message|>Could be A. The answer is "
        "A?<|end|><|start|>assistant<|channel|>commentary<|message|>No "
        "tool.<|end|><|start|>assistant<|channel|>final<|message|>**C. the Elbe**<|return|>",
    ),
    (RIVERS, "C", "analysisThe answer is A? No.assistantfinalThe answer is C."),
    # short ones
    (RIVERS, "B", "B"),
    (RIVERS, "B", "b"),
    (RIVERS, "B", "(b)."),
    (RIVERS, "B", "b) the Rhine"),
    (RIVERS, "B", "b. the Rhine"),
    (RIVERS, "B", "B: the Rhine"),
    (RIVERS, "B", "B - the Rhine"),
    (RIVERS, "B", "[B]"),
    (RIVERS, "B", "the Rhine"),
    (RIVERS, "B", "**the Rhine.**"),
    (RIVERS, "B", "Answer: the Rhine"),
    (RIVERS, "B", "ANSWER: B,"),
    (RIVERS, "B", "ANSWER: B;"),
    (RIVERS, "B", "Option B."),
    (RIVERS, "B", "B, because Cologne lies on it. A would need Vienna."),
    (RIVERS, "B", "B, since Cologne lies on it."),
    (LENGTHS, "C", "c. 24 m"),
    (LENGTHS, "C", "24"),
    (PRICES, "C", "She pays $30 + $20 = $50."),
    (PRICES, "B", "**Answer:** $45"),
    (PRICES, "D", "The answer is $55, which is option D."),
    # words for options such as "None of the above"
    (NONE_FITS, "D", "The answer is none of the above."),
    (NONE_FITS, "D", "Answer: None of the above"),
    (NONE_FITS, "D", "None of the above."),
    (NONE_FITS, "D", "**D. None of the above**"),
    (NONE_FITS, "B", "None of the others splits light, so the answer is B."),
    (ALL_FIT, "D", "The correct answer is all of the above."),
    (ALL_FIT, "D", "All of them conduct, so the answer is **All of the above**."),
    (RIVERS, None, "The answer is none of the above."),
    (RIVERS, None, "I cannot tell from what is given."),
    (RIVERS, None, "Answer: I do not know"),
    (RIVERS, None, "The correct answers are A and B."),
    (RIVERS, None, "Answer: A, B, or C"),
    (RIVERS, None, "Both B and C are correct."),
    (ROMAN, "C", "Statements I and III hold. The answer is I and III only."),
    (ROMAN, "D", "All three statements I, II and III hold, so the answer is D."),
    # letters that are none
    (
        FUNCTIONS,
        "D",
        "Solving, the solution is X(t) = -t for all t, which corresponds to option D.",
    ),
    (FUNCTIONS, "A", "The solution is X(t) = 2t. So the answer is A."),
    (RIVERS, None, "The answer is a river that flows north."),
    (RIVERS, None, "Vitamin C is found in lemons."),
    (
        LENGTHS,
        "B",
        "Let A be the area and B the base. Then A = 3B = 54 m². Hence the height is 18 m.",
    ),
    # other keys and forms
    (RIVERS, "B", '{"answer": "B"}'),
    (RIVERS, "B", '{"reasoning": "A is too short, so not A.", "final_answer": "B"}'),
    (RIVERS, "B", '```json\n{"explanation": "Cologne", "choice": "B", "confidence": 0.8}\n```'),
    (RIVERS, "B", "{'selected_option': 'B'}"),
    (RIVERS, "B", '{"correct_answer": "the Rhine"}'),
    (RIVERS, "B", '{"answer": {"letter": "B", "text": "the Rhine"}}'),
    (RIVERS, "B", "<answer>B. the Rhine</answer>"),
    (RIVERS, "B", "<final_answer>B</final_answer>"),
    # the languages of people
    (RIVERS, "C", "因此，正确答案是C。"),
    (RIVERS, "C", "综上所述，选C。"),
    (RIVERS, "C", "故答案为：C"),
    (RIVERS, "C", "正确选项为 **C**"),
    (RIVERS, "C", "答案：（C）"),
    (RIVERS, "C", "したがって、答えはCです。"),
    (RIVERS, "C", "正しい選択肢は C です。"),
    (RIVERS, "C", "正解：C"),
    (RIVERS, "C", "따라서 정답은 C입니다."),
    (RIVERS, "C", "답: C"),
    (RIVERS, "C", "Daher ist die richtige Antwort C."),
    (RIVERS, "C", "Die korrekte Antwort ist C) the Elbe."),
    (RIVERS, "C", "Lösung: C"),
    (RIVERS, "C", "La réponse correcte est donc la C."),
    (RIVERS, "C", "La bonne réponse est l'option C."),
    (RIVERS, "C", "Réponse finale : **C**"),
    (RIVERS, "C", "Por lo tanto, la respuesta es C."),
    (RIVERS, "C", "La opción correcta es la C."),
    (RIVERS, "C", "La risposta corretta è la C."),
    (RIVERS, "C", "Risposta: C"),
    (RIVERS, "C", "A resposta correta é a letra C."),
    (RIVERS, "C", "Portanto, a alternativa correta é a C."),
    (RIVERS, "C", "Правильный ответ — C."),
    (RIVERS, "C", "Таким образом, верный ответ: С"),
    # cut off, and whole although nobody says so
    (RIVERS, None, "Let us see. The Danube is long. The Rhine is", "length"),
    (
        RIVERS,
        "C",
        "Dresden and Hamburg lie on one river. " * 14 + "\n\nTherefore it is:\n\n**C. the Elbe**",
        None,
    ),
    (
        RIVERS,
        "C",
        "Dresden and Hamburg lie on one river. " * 14 + "\n\nSo the river is:\n\nC. the Elbe",
        None,
    ),
    (
        LENGTHS,
        "C",
        "The parts are added one after the other. " * 12
        + "\n\nTherefore, the length is:\n\nC. 24 m",
        None,
    ),
    (
        RIVERS,
        None,
        "Dresden and Hamburg lie on one river. " * 14 + "\n\nNow the Elbe is a river that",
        None,
    ),
    # a run-on question, and the examples first
    (
        RIVERS,
        "B",
        (
            "The answer is (B).\n\nQuestion: Which is blue?\nOptions: (A) sky (B) grass\nThe "
            "answer "
            "is (A)."
        ),
    ),
    (RIVERS, "B", "B\n\nQuestion: Which is blue?\nA. sky\nB. grass\nAnswer: A"),
    # boxes that are ticked, and lists with a verdict behind each option
    (RIVERS, "B", "- [ ] A. the Danube\n- [x] B. the Rhine\n- [ ] C. the Elbe\n- [ ] D. the Oder"),
    (RIVERS, None, "- [ ] A. the Danube\n- [ ] B. the Rhine\n- [ ] C. the Elbe\n- [ ] D. the Oder"),
    (RIVERS, None, "- [x] A. the Danube\n- [x] B. the Rhine\n- [ ] C. the Elbe\n- [ ] D. the Oder"),
    (RIVERS, "D", "A) the Danube - No\nB) the Rhine - No\nC) the Elbe - No\nD) the Oder - Yes"),
    (RIVERS, None, "A) the Danube - No\nB) the Rhine - Yes\nC) the Elbe - No\nD) the Oder - Yes"),
    (
        RIVERS,
        "B",
        "A. the Danube (false)\nB. the Rhine (true)\nC. the Elbe (false)\nD. the Oder (false)",
    ),
    (RIVERS, "B", "| Item | Value |\n|---|---|\n| Final answer | B |"),
    (RIVERS, None, "| Question | Answer |\n|---|---|\n| 1 | unknown |"),
    # what is called incorrect, meant, or asked in another case
    (
        RIVERS,
        "A",
        "Correct answer: A (the Danube)\nIncorrect options: B (the Rhine), C (the Elbe)",
    ),
    (RIVERS, "C", "Right answer: C\n\nIncorrect answers: A, B, D"),
    (RIVERS, "C", "The incorrect statement is C."),
    (RIVERS, "D", "The answer is B. Oops, I meant D."),
    (
        RIVERS,
        "A",
        "If they had asked for the Czech one, the answer would be C. Here the answer is A.",
    ),
    (
        RIVERS,
        "B",
        "If the question wanted the longest, the answer would be A. It wants another one, so B.",
    ),
    # a letter or a place at the end, or alone
    (RIVERS, "C", "Je choisis l'option C."),
    (RIVERS, "B", "The one that matches is B."),
    (RIVERS, None, "The one that matches is not B."),
    (RIVERS, "D", "Of these, D fits best."),
    (RIVERS, "D", "The last option is the correct one."),
    (RIVERS, None, "The last option is the wrong one."),
    (RIVERS, "C", "The third option."),
    (RIVERS, "B", r"\textbf{B}"),
    (RIVERS, "A", "So it must flow east. Option A."),
    (RIVERS, "A", "statement A is correct, while statements B, C and D are not."),
    # true or false, yes or no
    (TRUE_FALSE, "B", "**False.** Light is faster than sound."),
    (TRUE_FALSE, "A", "True, since light is faster."),
    (TRUE_FALSE, None, "True. Yet the statement is false."),
    (TRUE_FALSE, "A", "False rumours are common here, but the claim is true."),
    (TRUE_FALSE, "B", "The claim isn't true."),
    (TRUE_FALSE, None, "It is partly true, partly false."),
    (TRUE_FALSE, None, "True or false? I cannot tell."),
    (YES_NO, "A", "Yes — the text says so."),
    (YES_NO, "B", "No, it was not. Only the song Yes was sold."),
    (YES_NO, None, "Yes and no."),
    (YES_NO, None, "No idea."),
    (YES_NO, None, "Nobody knows whether the answer is yes or no."),
    # an option that opens a text, ends its only sentence, or is told as once more
    (RIVERS, "B", "the Rhine. It flows through Cologne."),
    (RIVERS, None, "the Rhine. Or the Elbe."),
    (RIVERS, None, "the Rhine. Wait, Basel is not meant."),
    (VOYAGES, "A", "Columbus sailed in 1492."),
    (VOYAGES, None, "Columbus did not sail in 1492."),
    (VOYAGES, None, "He was born after 1498."),
    (VOYAGES, None, "Columbus sailed between 1492 and 1498."),
    (SHARES, "C", "The share is 1/5 = 0.2, or 20%."),
    (SHARES, None, "The share is 15%, or 20%."),
    (GROWTH, "B", r"The range is halved each step: $O(\log n)$."),
]

VALUES = [
    # money is no mathematics
    ("35", "Dana pays $20 + $15 = $35."),
    ("35", "Dana pays $20 for the hat and $15 for the scarf, so she pays $35 in total."),
    ("35", "The hat costs $20, the scarf $15.\n\nIn total: $20 + $15 = **$35**"),
    ("5", "She had $40 and spent $35, so she has $40 - $35 = $5 left."),
    ("1200", "The rent is $1,000 plus $200, which is $1,200 a month."),
    ("12.50", "Each of the 4 pays $50 / 4 = $12.50."),
    ("64", "He earns 8 * $8 = $64."),
    ("64", "So he earns $8/hour * 8 hours = $64.\n\nThe answer is $64."),
    ("64", "#### $64"),
    ("64", "#### 64 dollars"),
    ("64", "8 * 8 = <<8*8=64>>64\n#### 64"),
    ("18", "His bill is $36, and half of it is $36 / 2 = $18. He pays $18"),
    ("45", "The cost is \\$20 + \\$25 = \\$45."),
    # published golds
    (
        "She sells 16 - 7 = <<16-7=9>>9 eggs.\nThat is 9 * 2 = <<9*2=18>>18.\n#### 18",
        "She makes $18 a day.",
    ),
    ("There are 2 + 2 = <<2+2=4>>4.\n#### 4", "The answer is 4."),
    ("#### 1,200", "1200"),
    # whole and cut off
    ("45", "Wir rechnen beide Strecken zusammen und teilen. " * 10 + "\n\nDas ergibt 45"),
    (
        "45",
        "We add the two and then divide by the third of them. " * 10 + "\n\nThe answer is 45",
        None,
    ),
    ("45", "我们把两部分相加，然后再除以第三部分，得到结果。" * 20 + "\n\n答案是 45。", None),
    ("45", "我们把两部分相加，然后再除以第三部分。" * 24 + "所以一共是 45。", None),
    # a statement, and clauses behind it
    ("9", "The answer is 9 boys, as 12 of the 21 children are girls."),
    ("9", "#### 9 boys are left in the room with 12 girls."),
    ("9", "The answer is 9 (nine)."),
    ("9", "The answer is 9, not 12."),
    ("9", "**Answer:** 9 apples (out of 12)"),
    ("9", "The answer is **9**. To check: 9 + 12 = 21."),
    ("9", "There are **9** boys.\n\nCheck: 9 + 12 = 21 ✓"),
    ("9", "So there are 9 boys.\n\nVerification: 21 - 9 = 12."),
    ("9", "So there are **9** boys, because 12 of the 21 are girls."),
    ("9", "3 × 3 = **9**"),
    ("9", "3 + 6 = 9"),
    ("9", "**9** boys"),
    ("9", "Nine"),
    ("9", "The answer is nine."),
    ("42", "The answer is forty-two."),
    ("300", "The answer is three hundred."),
    ("9", "The answer is 4 + 5 = 9."),
    ("9", "The answer is x = 9."),
    ("9", "Final answer: x = 9."),
    ("9", "The number of boys is therefore 9."),
    ("9", "First I got 8. Wait, actually one was missed. The answer is 9."),
    ("9", "The answer is 8. Let me recount. The answer is 9."),
    ("9", "### Final Answer\n\n9"),
    ("9", "**Final Answer:**\n\n$$9$$"),
    ("9", "So the answer is:\n\n9 boys"),
    ("9", '{"answer": 9}'),
    ("9", '{"steps": ["21 - 12 = 9"], "result": "9", "unit": "boys"}'),
    ("9", '```json\n{"answer": "9 boys"}\n```'),
    ("9", "<answer>9</answer>"),
    ("9", "<answer>The answer is 9 of 21.</answer>"),
    # several values
    ("3, 4", "The answer is 3 red and 4 blue balls."),
    ("3, 4", "So x = 3 and y = 4."),
    ("-1, 6", "The solutions are **x = 6** or **x = -1**."),
    ("-1, 6", "The roots are $\\boxed{-1}$ and $\\boxed{6}$."),
    # thinking
    ("9", "<think>The answer is 8? no</think>\n\n9"),
    ("9", "<think>\n\n</think>\n\n3 × 3 = **9**"),
    ("9", "<thinking>The answer is 8.</thinking>\n9"),
    ("9", "[THINK]The answer is 8.[/THINK]\n\\boxed{9}"),
    (
        "9",
        (
            "<|channel|>analysis<|message|>The answer is "
            "8?<|end|><|start|>assistant<|channel|>final<|message|>9"
        ),
    ),
    # languages and scripts
    ("12", "因此，答案是 12。"),
    ("12", "**最终答案：12 个**\n\n检查：12 + 8 = 20。"),
    ("12", "したがって、答えは 12 個です。"),
    ("12", "答え：１２"),
    ("12", "따라서 정답은 12개입니다."),
    ("12", "Die Antwort lautet 12. Probe: 12 · 2 = 24."),
    ("12", "Das Ergebnis ist 12 Euro (von 24)."),
    ("12", "La réponse est 12. Vérification : 12 × 2 = 24."),
    ("12", "Réponse finale : 12 pommes sur 24."),
    ("12", "La respuesta es 12 de las 24 manzanas."),
    ("12", "La risposta è 12 mele su 24."),
    ("12", "A resposta é 12 maçãs, de 24."),
    ("12", "Ответ: 12 яблок из 24."),
    ("12", "الجواب هو ١٢"),
    ("12", "उत्तर १२ है।"),
    # equality, both ways
    ("\\frac{2}{3}", "\\boxed{⅔}"),
    ("x^4+2", "\\boxed{x⁴ + 2}"),
    ("-7", "\\boxed{‐7}"),
    ("-7", "The answer is –7."),
    ("2.5", "\\boxed{2{,}5}"),
    ("54321", "\\boxed{54\u202f321}"),
    ("54321", "\\boxed{54\\,321}"),
    ("2500000", "The answer is 2.5 million."),
    ("3000000000", "\\boxed{3 \\text{ billion}}"),
    ("70000", "\\boxed{7 x 10^4}"),
    ("0.0007", "\\boxed{7×10⁻⁴}"),
    ("101_2", "\\boxed{(101)_2}"),
    ("(2, 7)", "\\boxed{\\begin{pmatrix} 2 \\\\ 7 \\end{pmatrix}}"),
    ("\\begin{pmatrix} 2 \\\\ 7 \\end{pmatrix}", "\\boxed{(2, 7)}"),
    ("(-\\infty, 1) \\cup (4, \\infty)", "\\boxed{x < 1 \\text{ or } x > 4}"),
    ("x < 1 \\text{ or } x > 4", "\\boxed{(-\\infty, 1) \\cup (4, \\infty)}"),
    ("4", "\\boxed{4 \\pmod{9}}"),
    ("8", "\\boxed{\\text{8 euros}}"),
    ("25000", "\\boxed{25,000 \\, \\text{euros}}"),
    ("4:45", "The train arrives at 4:45 pm."),
    ("12 \\text{ cm}", "\\boxed{12\\text{ centimeters}}"),
    ("1.5 \\text{ hours}", "\\boxed{90 \\text{ minutes}}"),
    ("3 \\text{ km}", "\\boxed{3000 \\text{ m}}"),
    ("45", "\\boxed{45\\%}"),
    ("\\frac{3}{5}", "\\boxed{60\\%}"),
    ("\\sqrt{12}", "\\boxed{2√3}"),
    ("5", "\\boxed{5 \\text{ square meters}}"),
    ("30^\\circ", "\\boxed{30}"),
    # the numbers of a list, a reply, an angle in degrees
    ("12", "1. Count the legs.\n2. There are 12 legs."),
    ("14", "Q: 7 + 7\nA: 14"),
    (r"\frac{\pi}{4}", "α = π/4 (45°)"),
    # shares and composed amounts in words, e-notation, mixed numbers, ratios
    (r"\frac{2}{5}", "The chance is two fifths."),
    (r"\frac{1}{3}", "So the fraction is one third."),
    ("$5.20", "It costs five dollars and twenty cents."),
    (r"1.6 \times 10^{-19}", "The charge is 1.6e-19."),
    (r"3\frac{1}{4}", "The answer is 3 1/4 miles."),
    ("5:2", "The ratio of boys to girls is 5 to 2."),
    # a gold answer with its unit
    ("5 km", "They walked 5 kilometres."),
    ("5 km", "They walked 5000 m."),
    ("5 km", "They walked 5."),
    (r"30^\circ", "The angle is 30 degrees."),
    ("30 km/h", "It moves at 30 km per hour."),
    ("3 hours 20 minutes", "The drive takes 3 hours and 20 minutes."),
    ("3 hours 20 minutes", "It takes 3h 20min."),
]

WRONG_VALUES = [
    ("9", "The answer is 12, not 9."),
    ("9", "#### 12 boys are left with 9 girls."),
    ("9", "The answer is 12 (9 girls and 3 boys)."),
    ("9", "So there are **12** boys.\n\nCheck: 12 + 9 = 21 ✓"),
    ("35", "Dana pays $20 + $35 = $55."),
    ("20", "Dana pays $20 + $15 = $35."),
    ("9", "We first get 9, and then", "length"),
    ("9", "<think>\\boxed{9} maybe, but", "length"),
    ("9", "<think>The answer is 9.</think>\n\nThe answer is 8."),
    ("9", "The answer is between 8 and 9."),
    ("9", "The answer is 9 or 10."),
    ("9", "The answer is not 9."),
    ("9", "The answer is 9.5."),
    ("9", "The answer is 9x."),
    ("9", "The answer is 9/2."),
    ("9", "The answer is 90%."),
    ("1-2i", "\\boxed{1+2i}"),
    ("2 - \\mathrm{e}", "\\boxed{2 + \\mathrm{e}}"),
    ("3", "\\boxed{3\\sqrt(2)}"),
    ("3", "\\boxed{3\\sqrt{2}}"),
    ("3", "\\boxed{3√2}"),
    ("3", "\\boxed{3\\pi}"),
    ("1, 3, 5", "\\boxed{1, 3, 5, \\dots}"),
    ("1, 3, 5, \\ldots", "\\boxed{1, 3, 5}"),
    ("1, 4, 9, \\ldots, n^2", "\\boxed{1, 2, 3, \\ldots, n}"),
    ("(3,8)", "\\boxed{\\{3,8\\}}"),
    ("(3,8)", "\\boxed{(8,3)}"),
    ("\\{3,8\\}", "\\boxed{(3,8)}"),
    ("15 \\text{ cm}", "\\boxed{15 \\text{ m}}"),
    ("15 \\text{ cm}", "\\boxed{15 \\text{ mm}}"),
    ("15 \\text{ cm}^2", "\\boxed{15 \\text{ cm}}"),
    ("2 \\text{ hours}", "\\boxed{2 \\text{ days}}"),
    ("60 \\text{ km/h}", "The answer is 60 mph."),
    ("8 \\text{ cents}", "\\boxed{8 \\text{ dollars}}"),
    ("\\$8", "\\boxed{8 \\text{ cents}}"),
    ("4 \\text{ kg}", "\\boxed{4 \\text{ g}}"),
    ("20^\\circ\\text{C}", "\\boxed{20^\\circ\\text{F}}"),
    ("2500000", "The answer is 2.5 billion."),
    ("2500000", "The answer is 2.5."),
    ("21", "The answer is twenty."),
    ("20", "The answer is twenty-one."),
    ("\\frac{3^{100}+1}{3^{101}}", "\\boxed{\\frac{1}{3}}"),
    ("4:45", "The train arrives at 5:45 pm."),
    ("101_2", "\\boxed{(101)_3}"),
    ("x < 1 \\text{ or } x > 4", "\\boxed{(-\\infty, 1] \\cup (4, \\infty)}"),
    ("45\\%", "\\boxed{4.5\\%}"),
    ("3", "1. Sort the cards.\n2. Pair them.\n3. Count them."),
    ("2", "1) Sort.\n2) Swap."),
    ("5", "A: 5\nB: 6"),
    ("45", "α = π/4 (45°)"),
    ("2", "The chance is two fifths."),
    ("3", "It is three out of ten."),
    ("3", "Three quarters of the class passed."),
    ("20", "It costs five dollars and twenty cents."),
    ("1.6", "The charge is 1.6e-19."),
    (r"3\frac{1}{4}", "The answer is 3/4 miles."),
    ("5:2", "The ratio of boys to girls is 2 to 5."),
    ("5 km", "They walked 5 miles."),
    ("20 minutes", "It takes 20 seconds."),
    (r"30^\circ", "The angle is 30 radians."),
    ("30 km/h", "It moves at 30 m/s."),
    ("3 hours 20 minutes", "The drive takes 3 hours and 50 minutes."),
]

WORDS = [
    ("Rome", "Rome"),
    ("Rome", "The capital of Italy is **Rome**."),
    ("Rome", "<answer>Rome</answer>"),
    ("Rome", "<think>Milan?</think>\n<answer>Rome.</answer>"),
    ("Rome", '{"answer": "Rome"}'),
    ("Rome", "It is not Milan; it is Rome."),
    ("Rome", "The answer is Rome, not Milan."),
    ("Rome", "**Final Answer:** Rome"),
    ("Rome", "最终答案：Rome"),
    ("Rome", "Die Antwort lautet Rome."),
    ("Melville", "The author is Melville."),
    ("Melville", "The novel was written by Herman Melville."),
    ("Herman Melville", "Melville, Herman"),
    ("True", "The statement is true."),
    ("False", "This claim is **false**."),
    ("Yes", "Yes, every square is a rhombus."),
    ("No", "No. A rhombus may have no right angle."),
    ("March 5, 1982", "5 March 1982"),
    ("March 5, 1982", "It happened on March 5th, 1982."),
    ("March 5, 1982", "on the 5th of March 1982"),
    ("5 March 1982", "1982-03-05"),
    ("Tuesday", "Counting on from Friday, it will be a Tuesday."),
    ("blue whale", "The blue whale."),
    ("nine", "9"),
    ("nine", "It is 9."),
    ("Yes", "91 has no other factors, so yes, it counts."),
    ("No", "The answer is no because 7 divides it."),
    ("Louis XIV", "King Louis XIV"),
    ("red", "Mars appears red because of its iron."),
]

WRONG_WORDS = [
    ("Rome", "It is not Rome; it is Milan."),
    ("Rome", "It could be Rome or Milan."),
    ("Rome", "The capital is Milan."),
    ("Rome", "The answer is Milan, not Rome."),
    ("Melville", "The author is Hawthorne."),
    ("True", "The statement is false."),
    ("True", "The statement is not true."),
    ("Yes", "No, although many people would say yes."),
    ("No", "Yes, there is no doubt."),
    ("March 5, 1982", "5 May 1982"),
    ("March 5, 1982", "March 6, 1982"),
    ("March 5, 1982", "March 5, 1983"),
    ("Tuesday", "Wednesday, the day after Tuesday"),
    ("nine", "90"),
    ("No", "91 has no other factors, so yes."),
    ("Louis XIV", "King Louis XVI"),
    ("red", "Mars does not appear red."),
]

PARTICLES = ["a proton", "a neutron", "an electron", "a photon"]
ENERGIES = ["3.2 eV", "4.5 eV", "6.1 eV", "7.8 eV"]
ANGLES = ["$\\frac{\\pi}{4}$", "$\\frac{\\pi}{2}$", "$\\pi$", "$2\\pi$"]

# A second set, written after the rules, to see how far they carry.
CHOICES += [
    (
        PARTICLES,
        "C",
        (
            "**Step 1:** Charge is -1.\n\n**Step 2:** Mass is small.\n\n**Conclusion:** The "
            "particle "
            "is **an electron (C)**."
        ),
    ),
    (
        PARTICLES,
        "C",
        (
            "Let's evaluate each option:\n\n(A) a proton: positive charge.\n(B) a neutron: no "
            "charge.\n(C) an electron: negative charge. This fits.\n(D) a photon: no "
            "charge.\n\nTherefore, the correct answer is:\n\n(C) an electron"
        ),
    ),
    (
        PARTICLES,
        "C",
        (
            "Among the options given:\n- A. a proton is too heavy\n- B. a neutron is neutral\n- "
            "C. an "
            "electron is light and negative\n- D. a photon is massless\n\nThe best answer is "
            "therefore C."
        ),
    ),
    (
        PARTICLES,
        "B",
        "The answer must be neutral and massive.\n\n$$\\boxed{\\text{B: a neutron}}$$",
    ),
    (PARTICLES, "B", "My final answer is B) a neutron."),
    (PARTICLES, "B", "I'd go with B."),
    (PARTICLES, "B", "B is correct."),
    (PARTICLES, "B", "Correct: B"),
    (PARTICLES, "B", "The right option here would be (B), because it carries no charge."),
    (PARTICLES, "B", "# Solution\n\nNo charge.\n\n# Final Answer\nB"),
    (PARTICLES, "B", "The answer is option (B): a neutron."),
    (
        PARTICLES,
        "D",
        (
            "Answer: **D**\n\n**Explanation:** A, B and C have mass. A is heavy; B is neutral; C "
            "is "
            "light."
        ),
    ),
    (PARTICLES, "D", "Massless: so the answer: D. a photon."),
    (PARTICLES, "D", "Hence, **D) a photon** is the particle."),
    (PARTICLES, "D", "Thus the particle described is a photon."),
    (PARTICLES, "D", "It follows that the particle is a photon, i.e., option D."),
    (PARTICLES, "D", "The particle X has no mass. So X is a photon, which matches choice D."),
    (PARTICLES, None, "A proton and a neutron are both heavy."),
    (PARTICLES, None, "Option A might be right, but so might option B."),
    (ENERGIES, "B", "Using E = hc/λ we get E ≈ 4.5 eV. So the correct choice is (B) 4.5 eV."),
    (ENERGIES, "B", "E = 1240/275.6 = 4.5 eV\n\n**Answer: (B)**"),
    (ENERGIES, "C", "Therefore the work function is approximately **6.1 eV**."),
    (ENERGIES, "C", "Thus, the answer is 6.1 eV (option C)."),
    (ENERGIES, "C", "So the energy is 6.1 eV, corresponding to C."),
    (ENERGIES, "D", "E = 7.8 eV. → D"),
    (
        ENERGIES,
        "D",
        "Based on the calculation, the closest value is 7.8 eV.\n\nSo the answer is: D",
    ),
    (ENERGIES, "A", "It can't be B, C or D. Answer is A."),
    (ANGLES, "B", "The integral equals $\\frac{\\pi}{2}$."),
    (ANGLES, "B", "So the value is\n\n$$\\frac{\\pi}{2}$$\n\nwhich is **(B)**."),
    (ANGLES, "B", "\\[\\boxed{\\dfrac{\\pi}{2}}\\]"),
    (ANGLES, "C", "The final answer is: $\\boxed{C}$"),
    (PARTICLES, "C", "正确的选项是C。"),
    (PARTICLES, "C", "答案选C"),
    (PARTICLES, "C", "所以，正确答案应该是 C。"),
    (PARTICLES, "C", "本题的正确答案为C。"),
    (PARTICLES, "C", "因此正确答案是：C. an electron"),
    (PARTICLES, "C", "答えは（C）です。"),
    (PARTICLES, "C", "正解は、Cです。"),
    (PARTICLES, "C", "選択肢Cが正しい。"),
    (PARTICLES, "C", "정답은 (C)입니다."),
    (PARTICLES, "C", "정답: C"),
    (PARTICLES, "C", "따라서 답은 C이다."),
    (PARTICLES, "C", "Die richtige Lösung ist C."),
    (PARTICLES, "C", "Antwort C ist richtig."),
    (PARTICLES, "C", "Somit ist C die richtige Antwort."),
    (PARTICLES, "C", "Richtig ist Antwort C."),
    (PARTICLES, "C", "La bonne réponse est C)."),
    (PARTICLES, "C", "La réponse est la C : an electron."),
    (PARTICLES, "C", "Donc, la réponse correcte est l'option C."),
    (PARTICLES, "C", "La respuesta correcta es: C) an electron"),
    (PARTICLES, "C", "Por tanto, la opción correcta es C."),
    (PARTICLES, "C", "La alternativa correcta es la C."),
    (PARTICLES, "C", "Quindi la risposta corretta è C."),
    (PARTICLES, "C", "La risposta giusta è la C)."),
    (PARTICLES, "C", "A alternativa correta é C."),
    (PARTICLES, "C", "Resposta: letra C"),
    (PARTICLES, "C", "Resposta correta: C"),
    (PARTICLES, "C", "Правильный ответ: C) an electron"),
    (PARTICLES, "C", "Правильный вариант — C."),
    (PARTICLES, "C", "Верный ответ: C"),
    (PARTICLES, "C", "Итак, правильный ответ C."),
    (PARTICLES, "C", "الإجابة الصحيحة هي (C)."),
    (PARTICLES, "C", '{"thought": "A is heavy", "answer": "C"}'),
    (PARTICLES, "C", 'Here is my answer:\n```json\n{"answer": "C) an electron"}\n```'),
    (
        PARTICLES,
        "C",
        "<think>A?</think>\n\n**Answer:** C\n\n**Why:** A is too heavy; B is neutral.",
    ),
    (PARTICLES, "C", "<think>\nlong</think>The final answer is \\(\\boxed{C}\\)."),
    (PARTICLES, "C", "Okay so A? the answer is A. hmm.\n</thinking>\nC"),
    (PARTICLES, "B", "I initially considered C, but on reflection the correct answer is B."),
    (PARTICLES, "B", "Answer: A. Wait, that has a charge. Answer: B."),
    (PARTICLES, None, "The answer is either A or B."),
    (PARTICLES, "A", "(A) a proton. Because it is positive."),
    (PARTICLES, "A", "A. a proton"),
    (PARTICLES, "A", "A"),
    (PARTICLES, "A", "a"),
    (PARTICLES, "A", "The answer: A"),
    (PARTICLES, "A", "A proton."),
]
VALUES += [
    ("70", "Tom has 40 + 30 = 70 apples."),
    ("70", "So, he has $70."),
    ("70", "Therefore, the total cost is $40 + $30 = $70"),
    ("70", "The total is $70.00."),
    ("70", "He spends $35 x 2 = $70 on tickets."),
    ("70", "So the answer is $\\boxed{70}$ dollars."),
    ("70", "#### 70.00"),
    ("25", "That is 25% of the class."),
    ("25", "25%"),
    ("1,250", "Total: $1,250"),
    ("1250", "The total profit is $2,000 - $750 = $1,250."),
    ("3", "She needs 3 more hours to finish."),
    ("3", "**Answer: 3 boxes**"),
    ("3", "So, the answer is 3 boxes per child."),
    ("3", "Answer: 3\n\nExplanation: 12 / 4 = 3, and 4 children got them."),
    ("5", "The answer is 5.0"),
    ("5", "x = 5"),
    ("5", "So x = 5 is the only solution."),
    ("0.75", "The probability is 3/4."),
    ("\\frac{3}{4}", "The probability is 75%."),
    ("\\frac{3}{4}", "The probability is 0.75."),
    ("12", "\\[ \\boxed{12 \\text{ units}} \\]"),
    ("12", "$12$"),
    ("12", "The area is 12 square units."),
    ("12", "The area is 12 cm²."),
    ("12", "Thus the area is $12\\,\\text{cm}^2$."),
    ("(2, 3)", "The vertex is at $(2, 3)$."),
    ("x^2+1", "Thus, $f(x) = x^2 + 1$."),
    ("2\\sqrt{5}", "$\\sqrt{20} = 2\\sqrt{5}$"),
    ("8", "I think the answer is 7, but let me check. 3 + 5 = 8. So the answer is 8."),
    ("6 \\text{ feet}", "\\boxed{72 \\text{ inches}}"),
    ("6", "six"),
    ("2 \\text{ hours}", "120 minutes"),
    ("160", "It took 40 + 120 = 160 minutes in total"),
    ("42", "La respuesta final es 42."),
    ("42", "Also beträgt die Summe 42."),
    ("42", "Donc il reste 42 euros."),
    ("42", "Итого: 42"),
    ("42", "合計は42円です。"),
    ("42", "总共是42元。"),
    ("42", "A soma é 42."),
    ("\\text{blue}", "The answer is blue."),
    ("3x+2", "y = 3x + 2"),
    ("y=3x+2", "The line is $y = 3x + 2$."),
    ("10^{-3}", "\\boxed{0.001}"),
    ("2^{10}", "\\boxed{1024}"),
    ("1.5", "1½"),
    ("4.5", "4,5"),
    ("9", "\\boxed{9}\n\nThis was the number of boys. There are 12 girls."),
    ("3", "There were 12 / 4 = 3 boxes for each of the 4 children."),
    ("20", "Ben pays $64 - $44 = $20 more than his 16 friends."),
]
WRONG_VALUES += [
    ("x^2-1", "Thus, $f(x) = x^2 + 1$."),
    ("10", "\\boxed{10\\sqrt{2}}"),
    ("10", "\\boxed{10i}"),
    ("\\frac{1}{2}", "\\boxed{\\frac{1}{2}x}"),
    ("(0,1)", "\\boxed{[0,1]}"),
    ("(0,1)", "\\boxed{(0,1]}"),
    ("2,3", "\\boxed{2}"),
    ("100", "\\boxed{100,000}"),
    ("4", "\\boxed{-4}"),
    ("\\pi", "\\boxed{3.14}"),
    ("7", "The answer is 8. (Not 7.)"),
    ("7", "I think the answer is 7, but let me check. 3 + 5 = 8. So the answer is 8."),
    ("6 \\text{ feet}", "\\boxed{6 \\text{ inches}}"),
    ("\\text{Monday}", "\\boxed{\\text{Tuesday}}"),
]

POETS = ["Sappho", "Pindar", "Ovid", "None of the above"]
LAWS = ["the first law", "the second law", "the third law", "none of them"]
GASES = ["neon", "argon", "krypton", "xenon"]
CHOICES += [
    # chosen in so many words, by the whole text of an option
    (POETS, "A", "He wrote in Latin, he in Thebes. That leaves us with Sappho."),
    (POETS, "B", "Step 2. She lived on Lesbos.\nStep 3. That leaves Pindar."),
    (POETS, None, "She is older. That leaves Pindar and Ovid."),
    (POETS, "C", "A tempting choice is Pindar, but since it is in Latin, I'm going with Ovid."),
    (POETS, "C", "Pindar wrote odes. What remains is Ovid."),
    (POETS, "C", "Both of the others wrote Greek. What's left is Ovid, since he wrote Latin."),
    (POETS, "B", "Saffo e Ovidio sono esclusi. Per esclusione rimane Pindar."),
    (POETS, "B", "Ella vivió en Lesbos. Por eso me quedo con Pindar."),
    (POETS, "B", "Two are out. Pindar wins."),
    (POETS, None, "Two are out. I would not say that it leaves Pindar."),
    # an option that is set aside, though its words stand in the last sentence
    (POETS, None, "One poet fits. The 'none of the above' way out isn't needed."),
    (POETS, None, 'She fits. So "none of the above" would be a mistake.'),
    (POETS, "B", 'So "none of the above" would be a mistake, and Pindar qualifies.'),
    (POETS, "D", "She is too early, and they too late. So it is none of the above."),
    # by the place of an option
    (POETS, "B", "She lived on Lesbos.\n\nOnly the second of these actually fits."),
    (POETS, "A", "The one in agreement with the myth is the very first."),
    (POETS, None, "Only the second world war fits."),
    (POETS, None, "Not only the second of these fits."),
    (POETS, None, "His best ode is the second."),
    (LAWS, None, "It speaks of disorder. Only the second of these fits."),
    (GASES, "C", "它的密度最大，所以应当选择第三项。"),
    (GASES, None, "很多人会选第三项。"),
    (GASES, "B", "가장 흔한 기체이므로 2번이 맞습니다."),
    (GASES, None, "2번이 맞지 않습니다."),
    (GASES, "B", "よって正解は2番です。"),
    (GASES, "D", "Значит, верный вариант — xenon (D)."),
    (GASES, "B", "Следовательно, верный вариант — второй."),
    (GASES, "C", "La opción correcta es la tercera."),
    (GASES, "C", "Die dritte Antwort ist richtig."),
    (GASES, "C", "Damit trifft nur C zu."),
    (GASES, None, "Auf Edelgase trifft C nicht zu."),
    (["富士山", "北岳", "立山"], "A", "これより高い山はありません。よって正解は「富士山」です。"),
    # the only yes of a table, the only bold option
    (
        GASES,
        "B",
        "| Gas | Mass | Fits |\n|---|---|---|\n| A. neon | 20 | no |\n| B. argon | 40 | **yes** |\n"
        "| C. krypton | 84 | no |\n| D. xenon | 131 | no |",
    ),
    (
        GASES,
        None,
        "| Gas | Heavy |\n|---|---|\n| A. neon | no |\n| B. argon | no |\n| C. krypton | yes |\n"
        "| D. xenon | yes |",
    ),
    (POETS, "A", "It is the name that they gave to **Sappho**. (On the others see Pindar's odes.)"),
    (POETS, None, "She knew **Sappho**. Later, he wrote an ode to **Pindar**."),
    # in the dress of LaTeX, in tags of other names, in a thought that is never closed
    (GASES, "B", "$$\\textbf{Answer: }\\mathbf{(B)}\\ \\mathrm{argon}$$\n\nIt is in the air."),
    (GASES, "C", "<respuesta>\n<razon>Es el gas D o C.</razon>\n<opcion>C</opcion>\n</respuesta>"),
    (GASES, None, "<opcion>A. neon</opcion>\n<opcion>B. argon</opcion>\nNo lo puedo decir."),
    (GASES, "A", "<|START_THINKING|>The answer is D?<|END_THINKING|>The answer is A."),
    (GASES, "A", "<think>\nNot argon, it is too heavy.\nSo the answer is A"),
    (GASES, None, "<think>\nNot argon, it is too heavy.\nSo the answer is A", "length"),
    (GASES, None, "<think>\nThe answer is A.\nBut let me look at argon once more."),
    (GASES, None, "<think>\nNot argon.\nargon"),
    (GASES, "B", "Answer: (C)... sorry, (C) is krypton. The one we need is argon, which is (B)."),
]
VALUES += [
    ("8000", "<think>\n2 * 4000 = 8000. Good.\n\nThe answer is \\boxed{8000}"),
    ("23", "<solution><step>3 dozen is 36</step><answer>23 eggs</answer></solution>"),
    ("5", "Three and two, so the answer's 5."),
]
WORDS += [
    ("Paul Klee", "It could be Macke or Marc, but the answer's **Paul Klee**."),
    ("Zinc", "<|START_THINKING|>Lead?<|END_THINKING|>Zinc, at 420 degrees."),
]
VALUES += [
    # numbers as other lands and sciences write them
    (r"(7,-2)", r"Vertex: $\left(7,\,-2\right)$"),
    (r"3.2\times10^{-5}", "Move the decimal point five places to the right: 3.2 × 10⁻⁵."),
    ("600000000", "So the cloud weighs 6 x 10^8 kg."),
    ("700000", "Man zahlt 0,5 × 1'400'000 = 700'000"),
    ("250000", "She earns ₹50,000 × 5 = ₹2,50,000."),
    ("2.718", "The next digit is small, so we drop it: 2.7183 → 2.718."),
    (r"\frac{3\pi}{4}", "135 · π/180 = 27π/36 = 3π/4 rad"),
    ("10110", "22 = 16 + 4 + 2, hence 10110₂."),
    ("14", "84 ÷ 6 = 14이므로 한 명당 **14개**씩 나눕니다."),
    ("x<-4", "−3x > 12. Divide by −3 and flip the sign: x < −4."),
]
WRONG_VALUES += [
    (r"7", r"Vertex: $\left(7,\,-2\right)$"),
    ("5", "Move the decimal point five places to the right: 3.2 × 10⁻⁵."),
    ("3.2", "Move the decimal point five places to the right: 3.2 × 10⁻⁵."),
    ("25000", "She earns ₹50,000 × 5 = ₹2,50,000."),
    ("2.7183", "The next digit is small, so we drop it: 2.7183 → 2.718."),
    ("3", "135 · π/180 = 27π/36 = 3π/4 rad"),
    ("-4", "−3x > 12. Divide by −3 and flip the sign: x < −4."),
    ("x>-4", "−3x > 12. Divide by −3 and flip the sign: x < −4."),
]
