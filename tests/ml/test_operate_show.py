"""What others wrote is shown as they wrote it: a comment, a reason or an ARN is no markup and no picture."""

import pytest

from ml.operate.show import Answer, show

FOREIGN = "[red]not :key: good[/x] [bold]:warning:"


@pytest.mark.parametrize("rows", [[], [{"reason": FOREIGN}]])
def test_foreign_text_is_shown_letter_for_letter(
    rows: list[dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    show(Answer(title=FOREIGN, columns=("reason",), rows=rows, notes=[f"note {FOREIGN}"]), as_json=False)

    text = capsys.readouterr().out
    assert text.count(FOREIGN) == len(rows) + 2
