"""Every sentence that a report may say, by grade, direction, scale and case; read it as a reader would."""

from __future__ import annotations

SENTENCES: list[tuple[tuple[str, str, str, str], str]] = [
    (
        ("higher", "linear", "works", "A"),
        "Sales academy caused the monthly sales to end 3.00 orders higher than without training "
        "(between +2.02 and +3.98).",
    ),
    (
        ("higher", "linear", "works", "B"),
        "Sales academy worked, as far as a comparison can show: the monthly sales ended 3.00 "
        "orders higher than expected from the untrained (between +2.02 and +3.98).",
    ),
    (
        ("higher", "linear", "works", "C"),
        "The monthly sales ended 3.00 orders higher than expected from the untrained (between "
        "+2.02 and +3.98): this fits a benefit of Sales academy, but does not prove it.",
    ),
    (
        ("higher", "linear", "harms", "A"),
        "Sales academy did harm: the monthly sales ended 2.00 orders lower than without training "
        "(between −2.98 and −1.02).",
    ),
    (
        ("higher", "linear", "harms", "B"),
        "Sales academy did not help, as far as a comparison can show: the monthly sales ended "
        "2.00 orders lower than expected from the untrained (between −2.98 and −1.02).",
    ),
    (
        ("higher", "linear", "harms", "C"),
        "The monthly sales ended 2.00 orders lower than expected from the untrained (between "
        "−2.98 and −1.02): this speaks against a benefit of Sales academy, but does not disprove "
        "it.",
    ),
    (
        ("higher", "linear", "too_small", "B"),
        "Sales academy did not improve the monthly sales by a worthwhile amount (at "
        "least 1.50 orders): the effect lies "
        "between −0.780 and +1.18 orders.",
    ),
    (
        ("higher", "linear", "too_small", "C"),
        "If the comparison holds, Sales academy did not improve the monthly sales by a worthwhile"
        " amount (at least 1.50 orders): the effect lies between −0.780 and +1.18 orders.",
    ),
    (
        ("higher", "linear", "open", "C"),
        "We cannot tell whether Sales academy changed the monthly sales, which ended 1.50 orders "
        "higher than expected from the untrained: the effect may lie anywhere between −0.460 and "
        "+3.46.",
    ),
    (
        ("higher", "log", "works", "A"),
        "Sales academy caused the monthly sales to end 35% higher than without training (between +22% and +49%).",
    ),
    (
        ("higher", "log", "works", "B"),
        "Sales academy worked, as far as a comparison can show: the monthly sales ended 35% "
        "higher than expected from the untrained (between +22% and +49%).",
    ),
    (
        ("higher", "log", "works", "C"),
        "The monthly sales ended 35% higher than expected from the untrained (between +22% and "
        "+49%): this fits a benefit of Sales academy, but does not prove it.",
    ),
    (
        ("higher", "log", "harms", "A"),
        "Sales academy did harm: the monthly sales ended 18% lower than without training (between −26% and −9.7%).",
    ),
    (
        ("higher", "log", "harms", "B"),
        "Sales academy did not help, as far as a comparison can show: the monthly sales ended 18%"
        " lower than expected from the untrained (between −26% and −9.7%).",
    ),
    (
        ("higher", "log", "harms", "C"),
        "The monthly sales ended 18% lower than expected from the untrained (between −26% and "
        "−9.7%): this speaks against a benefit of Sales academy, but does not disprove it.",
    ),
    (
        ("higher", "log", "too_small", "B"),
        "Sales academy did not improve the monthly sales by a worthwhile amount (at least 16%): the effect lies "
        "between −7.5% and +13%.",
    ),
    (
        ("higher", "log", "too_small", "C"),
        "If the comparison holds, Sales academy did not improve the monthly sales by a worthwhile"
        " amount (at least 16%): the effect lies between −7.5% and +13%.",
    ),
    (
        ("higher", "log", "open", "C"),
        "We cannot tell whether Sales academy changed the monthly sales, which ended 16% higher "
        "than expected from the untrained: the effect may lie anywhere between −4.5% and +41%.",
    ),
    (
        ("lower", "linear", "works", "A"),
        "Sales academy caused the monthly sales to end 3.00 orders lower than without training "
        "(between −3.98 and −2.02).",
    ),
    (
        ("lower", "linear", "works", "B"),
        "Sales academy worked, as far as a comparison can show: the monthly sales ended 3.00 "
        "orders lower than expected from the untrained (between −3.98 and −2.02).",
    ),
    (
        ("lower", "linear", "works", "C"),
        "The monthly sales ended 3.00 orders lower than expected from the untrained (between "
        "−3.98 and −2.02): this fits a benefit of Sales academy, but does not prove it.",
    ),
    (
        ("lower", "linear", "harms", "A"),
        "Sales academy did harm: the monthly sales ended 2.00 orders higher than without training"
        " (between +1.02 and +2.98).",
    ),
    (
        ("lower", "linear", "harms", "B"),
        "Sales academy did not help, as far as a comparison can show: the monthly sales ended "
        "2.00 orders higher than expected from the untrained (between +1.02 and +2.98).",
    ),
    (
        ("lower", "linear", "harms", "C"),
        "The monthly sales ended 2.00 orders higher than expected from the untrained (between "
        "+1.02 and +2.98): this speaks against a benefit of Sales academy, but does not disprove "
        "it.",
    ),
    (
        ("lower", "linear", "too_small", "B"),
        "Sales academy did not improve the monthly sales by a worthwhile amount (at "
        "least 1.50 orders): the effect lies "
        "between −1.18 and +0.780 orders.",
    ),
    (
        ("lower", "linear", "too_small", "C"),
        "If the comparison holds, Sales academy did not improve the monthly sales by a worthwhile"
        " amount (at least 1.50 orders): the effect lies between −1.18 and +0.780 orders.",
    ),
    (
        ("lower", "linear", "open", "C"),
        "We cannot tell whether Sales academy changed the monthly sales, which ended 1.50 orders "
        "lower than expected from the untrained: the effect may lie anywhere between −3.46 and "
        "+0.460.",
    ),
    (
        ("lower", "log", "works", "A"),
        "Sales academy caused the monthly sales to end 26% lower than without training (between −33% and −18%).",
    ),
    (
        ("lower", "log", "works", "B"),
        "Sales academy worked, as far as a comparison can show: the monthly sales ended 26% lower"
        " than expected from the untrained (between −33% and −18%).",
    ),
    (
        ("lower", "log", "works", "C"),
        "The monthly sales ended 26% lower than expected from the untrained (between −33% and "
        "−18%): this fits a benefit of Sales academy, but does not prove it.",
    ),
    (
        ("lower", "log", "harms", "A"),
        "Sales academy did harm: the monthly sales ended 22% higher than without training (between +11% and +35%).",
    ),
    (
        ("lower", "log", "harms", "B"),
        "Sales academy did not help, as far as a comparison can show: the monthly sales ended 22%"
        " higher than expected from the untrained (between +11% and +35%).",
    ),
    (
        ("lower", "log", "harms", "C"),
        "The monthly sales ended 22% higher than expected from the untrained (between +11% and "
        "+35%): this speaks against a benefit of Sales academy, but does not disprove it.",
    ),
    (
        ("lower", "log", "too_small", "B"),
        "Sales academy did not improve the monthly sales by a worthwhile amount (at least 14%): the effect lies "
        "between −11% and +8.1%.",
    ),
    (
        ("lower", "log", "too_small", "C"),
        "If the comparison holds, Sales academy did not improve the monthly sales by a worthwhile"
        " amount (at least 14%): the effect lies between −11% and +8.1%.",
    ),
    (
        ("lower", "log", "open", "C"),
        "We cannot tell whether Sales academy changed the monthly sales, which ended 14% lower "
        "than expected from the untrained: the effect may lie anywhere between −29% and +4.7%.",
    ),
]
