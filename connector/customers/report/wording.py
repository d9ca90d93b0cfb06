"""The words of the report in Dutch and English: what a status means, what to do about it, headings, how to fill it in.

Written for an accountant. docs/kvk-audit.md says the same with the sources.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connector.customers.audit import Change, FindingStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusText:
    """A status in words."""

    word: str
    meaning: str
    remedy: str


def _texts(**texts: tuple[str, str, str]) -> Mapping[FindingStatus, StatusText]:
    return {
        FindingStatus(status): StatusText(word=word, meaning=meaning, remedy=remedy)
        for status, (word, meaning, remedy) in texts.items()
    }


STATUSES = {
    "nl": _texts(
        missing=(
            "ontbreekt",
            "Er staat niets in het veld KvK-nummer.",
            "Zoek het nummer op (kvk.nl) en vul het in.",
        ),
        malformed=(
            "onjuist",
            "Het nummer heeft niet precies acht cijfers.",
            "Controleer het voorstel als er een is; zoek anders het nummer op.",
        ),
        placeholder=(
            "opvulling",
            "Geen echt nummer, maar iets als 12345678 of n.v.t.",
            "Vul het echte nummer in.",
        ),
        other_identifier=(
            "ander nummer",
            "Een ander soort nummer: btw-nummer, RSIN, vestigingsnummer, telefoonnummer, IBAN.",
            "Zoek het KvK-nummer op en vul het in.",
        ),
        duplicate=(
            "dubbel",
            "Meer relaties hebben hetzelfde nummer.",
            "Ga na welke relatie het echt heeft, of voeg de relaties samen.",
        ),
        own_number=(
            "eigen nummer",
            "Het KvK-nummer van uw eigen administratie.",
            "Vervang het door het nummer van de klant.",
        ),
        unknown_in_register=(
            "niet in register",
            "Het handelsregister kent het nummer niet.",
            "Zoek het juiste nummer op (kvk.nl) en vul het in.",
        ),
        deregistered=(
            "uitgeschreven",
            "De onderneming is uitgeschreven uit het handelsregister.",
            "Vraag de klant naar het nieuwe nummer.",
        ),
        name_differs=(
            "andere naam",
            "Het nummer is van een onderneming met een andere naam.",
            "Ga na of nummer en relatie bij elkaar horen.",
        ),
        ok=("in orde", "Acht cijfers, of het OIN van een overheid.", "Niets."),
        not_applicable=("niet nodig", "Een klant in een ander land, of een particulier.", "Niets."),
    ),
    "en": _texts(
        missing=("missing", "The field for the KvK number is empty.", "Look the number up (kvk.nl) and fill it in."),
        malformed=(
            "malformed",
            "The number does not have exactly eight digits.",
            "Check the proposal when there is one; else look the number up.",
        ),
        placeholder=("placeholder", "No real number but a filler such as 12345678 or n/a.", "Fill in the real number."),
        other_identifier=(
            "other number",
            "Another kind of number: VAT number, RSIN, establishment number, phone number, IBAN.",
            "Look up the KvK number and fill it in.",
        ),
        duplicate=(
            "duplicate",
            "Several customers have the same number.",
            "Find out whose it really is, or merge the customers.",
        ),
        own_number=(
            "own number",
            "The KvK number of your own administration.",
            "Replace it by the customer's number.",
        ),
        unknown_in_register=(
            "not in register",
            "The KVK register does not know the number.",
            "Look the right number up (kvk.nl) and fill it in.",
        ),
        deregistered=(
            "deregistered",
            "The business has been deregistered.",
            "Ask the customer for the new number.",
        ),
        name_differs=(
            "other name",
            "The number is that of a business with another name.",
            "Find out whether number and customer belong together.",
        ),
        ok=("in order", "Eight digits, or a government's OIN.", "Nothing."),
        not_applicable=("not needed", "A customer in another country, or a private person.", "Nothing."),
    ),
}
"""By language; those that somebody has to act on come first."""

CHANGES = {
    "nl": {Change.NEW: "nieuw", Change.SOLVED: "opgelost", Change.CHANGED: "gewijzigd"},
    "en": {Change.NEW: "new", Change.SOLVED: "solved", Change.CHANGED: "changed"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Everything else that the report says."""

    title: str
    made_on: str
    code: str
    customer: str
    kvk: str
    status: str
    detail: str
    proposal: str
    last_invoice: str
    invoices: str
    amount: str
    new_kvk: str
    customers: str
    ok: str
    missing: str
    invalid: str
    not_applicable: str
    at_risk: str
    nothing_to_show: str
    explanation: str
    note: str
    meaning: str
    remedy: str
    how_to: str
    steps: tuple[str, ...]
    input_title: str
    input_message: str
    input_error: str
    page: str
    none_before: str


WORDS = {
    "nl": Words(
        title="KvK-rapport",
        made_on="Gemaakt op {day} om {time}",
        code="Code",
        customer="Klant",
        kvk="KvK",
        status="Status",
        detail="Bijzonderheid",
        proposal="Voorstel",
        last_invoice="Laatste factuur",
        invoices="Facturen",
        amount="Bedrag",
        new_kvk="Nieuw KvK",
        customers="klanten",
        ok="in orde",
        missing="zonder nummer",
        invalid="met een onjuist nummer",
        not_applicable="niet nodig",
        at_risk="risico",
        nothing_to_show="Er zijn geen klanten om te tonen.",
        explanation="Uitleg",
        note="Bovenaan staat wat het meeste geld raakt. Facturen en bedrag gaan over de laatste twaalf maanden, btw "
        "inbegrepen.",
        meaning="Wat het betekent",
        remedy="Wat u doet",
        how_to="Zo vult u de lijst in",
        steps=(
            "Vul in de kolom nieuw_kvk de acht cijfers van het juiste KvK-nummer in. Weet u het niet: laat de cel "
            "leeg.",
            "Een voorstel telt pas als u het zelf overneemt.",
            "Sorteren, filteren en kolommen verplaatsen mag. Laat de kopregel en de kolommen administratie, "
            "relatiecode en relatienaam staan.",
            "Bewaar het bestand als .xlsx of .csv. Uw systeembeheerder leest het terug met: connector kvk fill BESTAND."
            " Er verandert pas iets in Exact Online als het overzicht daarna is bekeken en goedgekeurd.",
        ),
        input_title="KvK-nummer",
        input_message="Acht cijfers, ook de nullen vooraan. Leeg laten mag.",
        input_error="Een KvK-nummer heeft precies acht cijfers.",
        page="Pagina %d van %d",
        none_before="niet in dat rapport",
    ),
    "en": Words(
        title="KvK report",
        made_on="Made on {day} at {time}",
        code="Code",
        customer="Customer",
        kvk="KvK",
        status="Status",
        detail="Detail",
        proposal="Proposal",
        last_invoice="Last invoice",
        invoices="Invoices",
        amount="Amount",
        new_kvk="New KvK",
        customers="customers",
        ok="in order",
        missing="without a number",
        invalid="with a wrong number",
        not_applicable="not needed",
        at_risk="at risk",
        nothing_to_show="There are no customers to show.",
        explanation="Explanation",
        note="What hangs on most money comes first. Invoices and amount are those of the last twelve months, VAT "
        "included.",
        meaning="What it means",
        remedy="What to do",
        how_to="How to fill in the list",
        steps=(
            "Write the eight digits of the right KvK number into the column new_kvk. Leave the cell empty when you do "
            "not know it.",
            "A proposal counts only once you copy it yourself.",
            "You may sort, filter and move columns. Keep the row of headings and the columns division, customer_code "
            "and customer_name.",
            "Save the file as .xlsx or .csv. Your system manager reads it back with: connector kvk fill FILE. Nothing "
            "changes in Exact Online before the plan that this makes was looked at and agreed to.",
        ),
        input_title="KvK number",
        input_message="Eight digits, zeros in front included. May stay empty.",
        input_error="A KvK number has exactly eight digits.",
        page="Page %d of %d",
        none_before="not in that report",
    ),
}
