"""A trial becomes a card of its own: its values, the next version, where it comes from, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence_case import CARD, history

from engine.backtest.sweep import run_sweep
from engine.backtest.sweep_history import SweepHistory
from engine.errors import CardError, ConfigurationError
from engine.idea_card.load import load_cards, load_space, space_from_text
from engine.promotion.adoption import adoption_of, write_adopted
from engine.promotion.sweep_ledger import SweepLedger, ledger_in_memory
from engine.promotion.trials import Trial, family_of, searched_over, template_of

MARKET = SweepHistory(history(30))
WINNER = {"fast": 6, "slow": 30}


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "crossing.yaml"
    path.write_text(CARD.replace("{default: 4,", "{default: 4,   # a guess\n    "))
    return path


@pytest.fixture
def ledger() -> SweepLedger:
    return ledger_in_memory()


def trial_of(path: Path, ledger: SweepLedger, values: dict[str, int] | None = None) -> Trial:
    """Run one set of a card over the market, and take it from the ledger."""
    space = load_space(path)
    results = run_sweep(space, [space.complete(WINNER if values is None else values)], MARKET)
    ledger.append(searched_over(space, MARKET, search="grid", sweep_id="5eed"), results, at_ms=0)
    return ledger.trial(family_of(space), results[0].run_id)


def adopted(path: Path, ledger: SweepLedger, values: dict[str, int] | None = None, **chosen: str) -> Path:
    adoption = adoption_of(path, trial_of(path, ledger, values), **chosen)
    write_adopted(adoption)
    return adoption.file


def test_a_winner_is_a_new_version_with_its_lineage(card: Path, ledger: SweepLedger):
    parent, trial = load_space(card), trial_of(card, ledger)
    made = load_space(adopted(card, ledger))
    assert (made.card.id, made.card.version) == ("crossing_v1_1_0", "1.1.0")
    assert made.defaults == WINNER
    assert made.card == parent.bind(WINNER).model_copy(update={"id": "crossing_v1_1_0", "version": "1.1.0"})
    assert vars(made.lineage) == {
        "family": "crossing",
        "parent_id": "crossing",
        "parent_version": "1.0.0",
        "parent_system_hash": parent.card.system_hash(),
        "sweep_id": "5eed",
        "search": "grid",
        "run_id": trial.run_id,
        "system_hash": parent.bind(WINNER).system_hash(),
        "symbol": "BTCUSDT",
        "window": "2024-01-01 00:00:00 to 2024-01-31 00:00:00",
        "data_fingerprint": MARKET.history.data_fingerprint,
    }
    assert load_cards(card.parent).errors == {}


def test_only_what_has_to_change_in_the_text_does(card: Path, ledger: SweepLedger):
    lines = adopted(card, ledger).read_text().partition("\nlineage:")[0].splitlines()
    before = card.read_text().splitlines()
    assert len(lines) == len(before)
    changed = [(old, new) for old, new in zip(before, lines, strict=True) if old != new]
    assert changed == [
        ("id: crossing", "id: crossing_v1_1_0"),
        ("version: 1.0.0", "version: 1.1.0"),
        ("  fast: {default: 4,   # a guess", "  fast: {default: 6,   # a guess"),
        (
            "  slow: {default: 20, min: 10, max: 40, step: 10}",
            "  slow: {default: 30, min: 10, max: 40, step: 10}",
        ),
    ]


def test_the_lineage_is_no_part_of_the_system_hash(card: Path, ledger: SweepLedger):
    text = adopted(card, ledger).read_text()
    without = text.partition("\nlineage:")[0]
    with_it, bare = space_from_text(text, "a"), space_from_text(without, "b")
    assert bare.lineage is None
    assert with_it.card.system_hash() == bare.card.system_hash()
    assert with_it.card.canonical_form() == bare.card.canonical_form()


def test_the_line_goes_on_over_generations_and_counts_as_one_family(card: Path, ledger: SweepLedger):
    child = adopted(card, ledger)
    grandchild = adopted(child, ledger, {"fast": 2, "slow": 40})
    made = load_space(grandchild)
    assert (made.card.id, made.card.version) == ("crossing_v1_2_0", "1.2.0")
    assert (made.lineage.family, made.lineage.parent_id) == ("crossing", "crossing_v1_1_0")
    assert grandchild.read_text().count("lineage:") == 1
    assert len({family_of(load_space(path)) for path in (card, child, grandchild)}) == 1
    # the same values are the same try, under whatever name: two sets were tried, and not three
    trial_of(grandchild, ledger, WINNER)
    assert len(ledger.sharpes("crossing")) == 2


def test_the_template_is_what_the_card_does_apart_from_its_values():
    same = CARD.replace("id: crossing", "id: other").replace("default: 4", "default: 8")
    other = CARD.replace("equity_pct: 50", "equity_pct: 40")
    of = [template_of(space_from_text(text, "card")) for text in (CARD, same, other)]
    assert of[0] == of[1] != of[2]


@pytest.mark.parametrize(
    ("line", "block"),
    [
        ("fast: {default: {param: x}}", ""),
        ("lineage: {family: crossing}", ""),
        ("lineage: 3", ""),
    ],
)
def test_a_lineage_is_whole_or_refused(line: str, block: str):
    with pytest.raises(CardError):
        space_from_text(f"{CARD}{line}\n", "card.yaml")


def test_values_of_every_kind_are_written_as_yaml(card: Path, ledger: SweepLedger):
    text = card.read_text().replace("allow_flip: true", "allow_flip: {param: flip}")
    text = text.replace("stop_loss: {type: percent, value: 5.0}", "stop_loss: {param: stop}")
    text = text.replace(
        "parameter_constraints:",
        "  flip: {default: true, values: [true, false]}\n"
        "  stop: {default: {type: percent, value: 5.0}, values: [{type: percent, value: 5.0}, null]}\n"
        "parameter_constraints:",
    )
    card.write_text(text)
    chosen = {"fast": 2, "slow": 10, "flip": False, "stop": None}
    assert load_space(adopted(card, ledger, chosen)).defaults == chosen
    chosen = {"fast": 2, "slow": 20, "flip": True, "stop": {"type": "percent", "value": 5.0}}
    assert load_space(adopted(card, ledger, chosen)).defaults == chosen


def test_refusals_say_what_to_do(card: Path, ledger: SweepLedger):
    trial = trial_of(card, ledger)
    with pytest.raises(ConfigurationError, match="are its defaults"):
        adoption_of(card, trial_of(card, ledger, {}))
    with pytest.raises(ConfigurationError, match="no id"):
        adoption_of(card, trial, card_id="My-Card")
    with pytest.raises(ConfigurationError, match="taken by crossing"):
        adoption_of(card, trial, card_id="crossing")
    (card.parent / "mine.yaml").write_text("not a card")
    with pytest.raises(ConfigurationError, match="is there already"):
        adoption_of(card, trial, card_id="mine")
    child = adopted(card, ledger, card_id="mine_too")
    with pytest.raises(ConfigurationError, match="card mine_too has these values"):
        adoption_of(card, trial)
    with pytest.raises(ConfigurationError, match="made with: crossing"):
        adoption_of(child, trial_of(card, ledger, {"fast": 8}))
    taken = adoption_of(card, trial_of(card, ledger, {"fast": 2}))
    taken.file.write_text("somebody was quicker")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_adopted(taken)
    assert taken.file.read_text() == "somebody was quicker"


def test_a_trial_of_what_the_card_was_is_refused(card: Path, ledger: SweepLedger):
    trial = trial_of(card, ledger)
    card.write_text(card.read_text().replace("equity_pct: 50", "equity_pct: 40"))
    with pytest.raises(ConfigurationError, match="says something else by now"):
        adoption_of(card, trial)
    card.write_text(card.read_text().replace("max: 8", "max: 4"))
    with pytest.raises(ConfigurationError, match="cannot have its values"):
        adoption_of(card, trial)
    bare = CARD.partition("parameters:")[0].replace("{param: fast}", "4").replace("{param: slow}", "20")
    card.write_text(bare)
    with pytest.raises(ConfigurationError, match="no parameters"):
        adoption_of(card, trial)
