"""Names of people, streets and offices, in the letters a Norwegian register meets. All text is in NFC."""

WOMEN = (
    "Anne Inger Kari Marit Ingrid Liv Eva Berit Astrid Bjørg Hilde Anna Solveig Marianne Randi Ida Nina Maria "
    "Elisabeth Kristin Bente Heidi Silje Hanne Linda Tone Tove Camilla Wenche Elin Ragnhild Julie Anita Ellen "
    "Emma Marte Sara Karin Nora Åse Åshild Gunhild Mona Laila Sigrid Thea Trine Lene Turid Ruth Rita Ellinor "
    "Ingeborg Frida Maja Vilde Live Åsne Jorunn Torill Olaug Synnøve Bjørnhild Aud Guri Máret Elle Biret Inga "
    "Gro Mathilde Sofie Tuva Amalie Ella Leah Olivia Anne-Marie Anne-Lise Ann-Kristin Else-Marie Kjersti Øydis "
    "Ærlig-Sofie Gry Siv Unni Reidun Oddny"
).split()
MEN = (
    "Jan Per Bjørn Ole Lars Kjell Knut Arne Svein Thomas Hans Geir Tor Morten Terje Odd Erik Martin Andreas "
    "John Anders Rune Trond Tore Daniel Jon Kristian Marius Magnus Øyvind Stian Nils Fredrik Tom Kåre Håkon "
    "Håvard Pål Pål-Erik Åge Øystein Ørjan Jørgen Sindre Henrik Jonas Alexander Emil Oliver Jakob Lucas Filip "
    "Isak Aksel Oskar Mathias Elias Sander Vegard Eirik Eivind Espen Frode Roar Steinar Sigurd Torbjørn Gunnar "
    "Harald Einar Olav Leif Rolf Egil Roger Ivar Helge Dag Stein Aslak Ánte Niillas Máhtte Jan-Erik Ole-Martin "
    "Odd-Arne Truls Brage Amund Birk Even Kjetil"
).split()
FOREIGN_WOMEN = (
    "Agnieszka Katarzyna Małgorzata Fatima Aisha Amina Olena Oksana Nataliia Jurgita Rasa Zofia Chloé Renée "
    "Maëlle Hélène Sofía Lucía Îlknur Şeyma Elif Zeynep Linh Thị Mai Priya Anjali Yūko Björk Þóra Guðrún "
    "Siobhán Ionuța Andreea Žaneta Božena Noor Maryam Hodan Selamawit Hiwot Leyla Inês Mónica Dagný Françoise"
).split()
FOREIGN_MEN = (
    "Piotr Krzysztof Łukasz Stanisław Mohammed Ahmed Omar Ali Oleksandr Andrii Žygimantas Tomas José Jesús "
    "Iñigo André François Jérôme Zoë-Noël Müslüm Özgür Çağrı Emre Nguyễn Minh Tuấn Rajesh Amit Ólafur Þór "
    "Sigurður Seán Ștefan Ion Jiří Václav Hassan Abdi Yonas Tesfay João Nuño Jürgen Björn Gérard Reza Farhad"
).split()
LAST = (
    "Hansen Johansen Olsen Larsen Andersen Pedersen Nilsen Kristiansen Jensen Karlsen Johnsen Pettersen "
    "Eriksen Berg Haugen Hagen Johannessen Andreassen Jacobsen Dahl Jørgensen Halvorsen Henriksen Lund "
    "Sørensen Jakobsen Gundersen Moen Iversen Svendsen Strand Solberg Martinsen Paulsen Knutsen Eide Bakken "
    "Kristoffersen Mathisen Lie Rasmussen Amundsen Lunde Kristensen Bakke Berge Moe Nygård Fredriksen Solheim "
    "Lien Andresen Christensen Holm Nguyen Hauge Bøe Sæther Evensen Aas Hanssen Haugland Næss Myhre Thomassen "
    "Sivertsen Berntsen Ødegård Danielsen Rønning Vik Sandvik Aasen Øien Ås Ødegaard Bråten Tveit Myklebust "
    "Tangen Antonsen Birkeland Gulbrandsen Haug Aune Gjerde Ruud Sætre Østby Årdal Åsheim Skår Brekke Løken "
    "Nærland Utsi Sara Gaup Eira Bæverfjord Vågslid Kvåle Hætta Øverland Næsvold Fjærtoft Skjønhaug Grønås "
    "Hjelmås Tømmerås Bjørkås Røssvoll Hårstad Kålås Blåsvær Ræstad Nordbø Sørlie"
).split()
FOREIGN_LAST = (
    "Kowalski Nowak Wiśniewska Wójcik Dąbrowski Kamiński Kazlauskas Petrauskienė Mohamed Ahmed Hussain Khan "
    "Ali Warsame Shevchenko Kovalenko Tkachenko Müller Schäfer Groß García Fernández Núñez Muñoz López Silva "
    "Conceição Gonçalves Lefèvre Béranger Château Yılmaz Öztürk Şahin Trần Phạm Hoàng Lê Singh Kaur "
    "Sigurðardóttir Jónsson Þorsteinsson Popescu Ionescu Țurcanu Novák Dvořáková Tekle Haile Rahimi Hosseini "
    "O'Brien D'Angelo Nilsson Söderström Åkesson Van-der-Berg Đorđević Čović Šimić"
).split()
STREETS = (
    "Storgata Kirkeveien Skolegata Parkveien Industrigata Strandgata Bjørkeveien Granveien Furuveien Sjøgata "
    "Åsveien Øvregata Nedregata Elvegata Havnegata Jernbaneveien Solbakken Solveien Ringveien Fjellveien "
    "Dalveien Tunveien Kongens-gate Dronningens-gate Møllegata Nygata Torggata Prestegårdsveien Lærerveien "
    "Smedveien Haugveien Ekornveien Rådyrveien Blåbærstien Tyttebærveien Multeveien Rognestien Seljeveien "
    "Lyngveien Myrveien Åkerveien Engveien Bekkeveien Fossveien Bryggeveien Sundveien Øyveien Nesveien "
    "Vågveien Fjordgata Idrettsveien Stadionveien Låveveien Stabbursveien Sætervegen Hovedvegen Kvernvegen "
    "Brattlibakken Æringstien Løvåsen"
).split()
OFFICES = "Legesenter Legekontor Legegruppe Fastlegekontor Helsehus Legestasjon Familielegene Helsesenter".split()
HOUSE_LETTERS = ("", "", "", "", "A", "B", "C", "")


def street(number: int) -> str:
    """The name of a street."""
    return STREETS[number % len(STREETS)].replace("-", " ")
