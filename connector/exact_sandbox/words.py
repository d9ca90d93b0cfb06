"""Word lists from which fictional Dutch and foreign names and addresses are composed. No real people or firms."""

TRADES = (
    "Bakkerij", "Bouwbedrijf", "Schildersbedrijf", "Garage", "Drukkerij", "Boekhandel", "Installatiebureau",
    "Hoveniersbedrijf", "Transportbedrijf", "Timmerfabriek", "Adviesbureau", "Ingenieursbureau", "Slagerij",
    "Kwekerij", "Rijwielhandel", "Meubelmakerij", "Loonbedrijf", "Dakdekkersbedrijf", "Stukadoorsbedrijf",
    "Metaalbewerking", "Groothandel", "Textielhandel", "Kaasmakerij", "Brouwerij", "Koffiebranderij",
    "Administratiekantoor", "Makelaardij", "Architectenbureau", "Reclamebureau", "Fotostudio", "Kinderopvang",
    "Fysiotherapiepraktijk", "Tandtechniek", "Scheepswerf", "Zeilmakerij", "Glashandel", "Vloerenhuis",
)  # fmt: skip
FANCIES = (
    "Zilvermeeuw", "De Blauwe Reiger", "Korenmaat", "Windroos", "De Gouden Sikkel", "Waterlelie", "Nachtegaal",
    "Het Anker", "Zonnewende", "De Eikelaar", "Morgenrood", "Kiekendief", "De Rode Draad", "Klaproos", "Zevenster",
    "Het Kompas", "Wilgenhof", "De Steltloper", "Vuurtoren", "Hoefblad", "De Knotwilg", "Sterrenkroos", "Bosuil",
    "Duindoorn", "Het Zandpad", "Lisdodde", "De Grutto", "Hagelkruis", "Veenpluis", "De Houtduif", "Karekiet",
    "Riethoeve", "Het Schelpenpad", "Tureluur", "Goudplevier", "De Vlierbes", "Wielewaal", "Zandloper",
    "Het Kwartier", "Maanvis",
)  # fmt: skip
FORMS = ("B.V.", "B.V.", "B.V.", "V.O.F.", "N.V.", "Stichting", "Coöperatie")
PUBLIC_BODIES = ("Gemeente", "Waterschap", "Veiligheidsregio", "Omgevingsdienst")
STREETS = (
    "Molenpad", "Kerkewei", "Tolhuisdreef", "Havenkade", "Spinnerijstraat", "Weverslaan", "Korenbeursplein",
    "Zuiderdwarsvaart", "Lindehof", "Achter de Schans", "Industrieweg", "Ambachtsring", "Vlasakkers", "Brugwachterspad",
    "Oude Trekweg", "Blekerssingel",
)  # fmt: skip
TOWNS = (
    "Zandrecht", "Nieuw-Waterveen", "Oosterhaven", "Lutkerwold", "Bergsluis", "Hoogkapel", "Meerdrecht",
    "Vlietburg", "Sint Odulf", "Westerkoog", "Drieschaar", "Rietmonde",
)  # fmt: skip
FIRST_NAMES = (
    "Anneke", "Bram", "Carlijn", "Dirk", "Eva", "Floris", "Gerda", "Hidde", "Ingrid", "Jelle", "Karin", "Lars",
    "Marieke", "Niels", "Olga", "Pieter", "Renske", "Sander", "Tineke", "Wouter",
)  # fmt: skip
LAST_NAMES = (
    "Appeldoren", "Bovenmars", "Colenberg", "Duinzigt", "Essenburg", "Fluitenkruid", "Graslander", "Hazelwoud",
    "IJsvogel", "Jonkerbosch", "Kievitsbloem", "Lavendelaar", "Muurbloem", "Notenkraker", "Oeverwal", "Pluimgras",
    "Ruisvoorn", "Slotgracht", "Tuinfluiter", "Vogelmelk",
)  # fmt: skip
FOREIGN = {
    "BE": (("Drukgroep", "Houthandel", "Studio"), ("Scheldezicht", "Polderwind", "Heidebrem"), "BV",
           ("Vijverlaan", "Stapelstraat"), ("Zwaluwbeke", "Heikerke")),
    "DE": (("Maschinenbau", "Verlag", "Werkstatt"), ("Rabenstein", "Lindenhain", "Möwenberg"), "GmbH",
           ("Brunnengasse", "Mühlenweg"), ("Neufeldingen", "Grünhausen")),
    "GB": (("Fenwick", "Marlow"), ("Heron", "Kestrel", "Thistle"), "Ltd",
           ("Orchard Row", "Quay Lane"), ("Westermouth", "Haverfield")),
    "US": (("Prairie", "Redwood"), ("Instruments", "Supplies", "Outfitters"), "Inc.",
           ("Juniper Avenue", "Foundry Street"), ("Fairhollow", "Stonebridge Falls")),
}  # fmt: skip
GOODS = (
    ("Advies per uur", "uur", "95.00"), ("Montage op locatie", "uur", "68.50"), ("Onderhoud per maand", "mnd",
    "149.00"),
    ("Dozen A4-papier", "doos", "23.95"), ("Koffiebonen 1 kg", "stuk", "17.45"), ("Werkhandschoenen", "paar", "6.35"),
    ("Stalen profiel 3 m", "stuk", "41.20"), ("Reiskosten", "km", "0.23"), ("Zaagblad 250 mm", "stuk", "38.75"),
    ("Verf wit 10 l", "bus", "79.99"), ("Abonnement software", "mnd", "34.50"), ("Verzendkosten", "stuk", "12.50"),
    ("Bureaustoel", "stuk", "289.00"), ("Projectleiding", "dag", "720.00"), ("Kabelgoot per meter", "m", "4.815"),
)  # fmt: skip
FOODS = (
    ("Vakboek", "stuk", "42.50"), ("Lunch per persoon", "stuk", "14.25"), ("Fruitmand", "stuk", "31.95"),
    ("Brood assorti", "stuk", "3.15"), ("Boerenkaas per kg", "kg", "16.99"), ("Plantgoed per tray", "tray", "22.10"),
)  # fmt: skip
