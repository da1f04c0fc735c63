"""The configuration page says what the settings say."""

from pathlib import Path

from loop.reference import reference


def test_the_page_in_docs_is_the_one_written_from_the_settings() -> None:
    page = Path("docs/configuration.md").read_text(encoding="utf-8")
    assert page == reference(), "write it again: python -m loop.reference > docs/configuration.md"


def test_every_key_has_a_type_a_default_and_a_meaning() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    for row in rows:
        cells = [cell.strip() for cell in row.replace("\\|", "").strip("|").split("|")]
        assert len(cells) == 4, row
        assert all(cells), f"something is missing: {row}"


def test_nested_and_alternative_sections_are_all_there() -> None:
    page = reference()
    for key in ("`gate.labels`", "`train.lora.r`", "`judge.base_url`", "`judge.min_label_mass`", "`judge.rule`",
                "`drift.bounds.mean_tokens`", "`drift.bounds.….slack`", "`store.url_env`"):  # fmt: skip
        assert key in page
    assert "`{max_ratio: 1.0, slack: 0.15}`" in page
