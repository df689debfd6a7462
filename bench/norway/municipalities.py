"""The 357 municipalities of Norway since 2024: code (code system 3402), name, and people to the nearest hundred or so.

Codes and names: Statistics Norway's classification 131 (Klass) of 2026, the Norwegian name where there are several.
The numbers of people are rounded from memory of the turn of the year 2023/24 and only give weights.

Postal codes are invented within the county's own ranges, so that a code belongs to one municipality only and
Oslo has codes with a leading zero; they are not Posten's.
"""

from functools import cache
from typing import NamedTuple


class Municipality(NamedTuple):
    """One municipality; `postal_codes` are invented."""

    code: str
    name: str
    people: int
    postal_codes: tuple[str, ...]


# county code -> the first two digits of its postal codes
_POSTAL = {
    "03": "01 02 03 04 05 06 07 08 09 10 11 12",
    "11": "40 41 42 43 55",
    "15": "60 61 62 63 64 65 66",
    "18": "80 81 82 83 84 85 86 87 88 89",
    "31": "15 16 17 18",
    "32": "13 14 19 20 21",
    "33": "30 33 34 35 36",
    "34": "22 23 24 25 26 27 28 29",
    "39": "31 32",
    "40": "37 38 39",
    "42": "44 45 46 47 48 49",
    "46": "50 51 52 53 54 56 57 58 59 67 68 69",
    "50": "70 71 72 73 74 75 76 77 78 79",
    "55": "90 91 92 93 94",
    "56": "95 96 97 98 99",
}

_TABLE = """
0301 Oslo 717700
1101 Eigersund 15100; 1103 Stavanger 149000; 1106 Haugesund 38300; 1108 Sandnes 83700; 1111 Sokndal 3300
1112 Lund 3200; 1114 Bjerkreim 2900; 1119 Hå 20000; 1120 Klepp 20800; 1121 Time 19900; 1122 Gjesdal 12600
1124 Sola 28700; 1127 Randaberg 11800; 1130 Strand 13700; 1133 Hjelmeland 2600; 1134 Suldal 3900; 1135 Sauda 4600
1144 Kvitsøy 530; 1145 Bokn 880; 1146 Tysvær 11500; 1149 Karmøy 43500; 1151 Utsira 215; 1160 Vindafjord 8900
1505 Kristiansund 24400; 1506 Molde 32700; 1508 Ålesund 58900; 1511 Vanylven 3100; 1514 Sande 2500
1515 Herøy (Møre og Romsdal) 8950; 1516 Ulstein 8800; 1517 Hareid 5300; 1520 Ørsta 11000; 1525 Stranda 4500
1528 Sykkylven 7700; 1531 Sula 9800; 1532 Giske 8800; 1535 Vestnes 7100; 1539 Rauma 7200; 1547 Aukra 3700
1554 Averøy 5900; 1557 Gjemnes 2700; 1560 Tingvoll 3100; 1563 Sunndal 7100; 1566 Surnadal 6000; 1573 Smøla 2200
1576 Aure 3400; 1577 Volda 11000; 1578 Fjord 2500; 1579 Hustadvika 13500; 1580 Haram 9500
1804 Bodø 53700; 1806 Narvik 21700; 1811 Bindal 1400; 1812 Sømna 2000; 1813 Brønnøy 7900; 1815 Vega 1200
1816 Vevelstad 470; 1818 Herøy (Nordland) 1900; 1820 Alstahaug 7400; 1822 Leirfjord 2300; 1824 Vefsn 13300
1825 Grane 1500; 1826 Hattfjelldal 1300; 1827 Dønna 1400; 1828 Nesna 1800; 1832 Hemnes 4500; 1833 Rana 26200
1834 Lurøy 1900; 1835 Træna 450; 1836 Rødøy 1100; 1837 Meløy 6200; 1838 Gildeskål 1900; 1839 Beiarn 1000
1840 Saltdal 4700; 1841 Fauske 9600; 1845 Sørfold 1900; 1848 Steigen 2600; 1851 Lødingen 2000; 1853 Evenes 1400
1856 Røst 460; 1857 Værøy 680; 1859 Flakstad 1200; 1860 Vestvågøy 11700; 1865 Vågan 9700; 1866 Hadsel 8200
1867 Bø 2500; 1868 Øksnes 4500; 1870 Sortland 10600; 1871 Andøy 4600; 1874 Moskenes 960; 1875 Hamarøy 2700
3101 Halden 31800; 3103 Moss 51800; 3105 Sarpsborg 59800; 3107 Fredrikstad 85000; 3110 Hvaler 4900; 3112 Råde 7800
3114 Våler (Østfold) 6000; 3116 Skiptvet 3900; 3118 Indre Østfold 46800; 3120 Rakkestad 8400; 3122 Marker 3700
3124 Aremark 1300
3201 Bærum 130900; 3203 Asker 99000; 3205 Lillestrøm 92500; 3207 Nordre Follo 63600; 3209 Ullensaker 44100
3212 Nesodden 20300; 3214 Frogn 16100; 3216 Vestby 19300; 3218 Ås 21600; 3220 Enebakk 11500; 3222 Lørenskog 49000
3224 Rælingen 20100; 3226 Aurskog-Høland 18400; 3228 Nes 24900; 3230 Gjerdrum 7500; 3232 Nittedal 25600
3234 Lunner 9400; 3236 Jevnaker 7100; 3238 Nannestad 15900; 3240 Eidsvoll 28300; 3242 Hurdal 3000
3301 Drammen 104500; 3303 Kongsberg 28800; 3305 Ringerike 31800; 3310 Hole 7000; 3312 Lier 28700
3314 Øvre Eiker 20900; 3316 Modum 14700; 3318 Krødsherad 2300; 3320 Flå 1200; 3322 Nesbyen 3300; 3324 Gol 4800
3326 Hemsedal 2700; 3328 Ål 4900; 3330 Hol 4700; 3332 Sigdal 3500; 3334 Flesberg 2800; 3336 Rollag 1400
3338 Nore og Uvdal 2500
3401 Kongsvinger 18300; 3403 Hamar 33200; 3405 Lillehammer 28800; 3407 Gjøvik 30900; 3411 Ringsaker 35900
3412 Løten 7900; 3413 Stange 21500; 3414 Nord-Odal 5100; 3415 Sør-Odal 8200; 3416 Eidskog 6200; 3417 Grue 4600
3418 Åsnes 7300; 3419 Våler (Innlandet) 3600; 3420 Elverum 21700; 3421 Trysil 6800; 3422 Åmot 4400
3423 Stor-Elvdal 2400; 3424 Rendalen 1800; 3425 Engerdal 1300; 3426 Tolga 1600; 3427 Tynset 5700; 3428 Alvdal 2500
3429 Folldal 1600; 3430 Os 1900; 3431 Dovre 2500; 3432 Lesja 2000; 3433 Skjåk 2200; 3434 Lom 2300; 3435 Vågå 3600
3436 Nord-Fron 5700; 3437 Sel 5600; 3438 Sør-Fron 3200; 3439 Ringebu 4500; 3440 Øyer 5300; 3441 Gausdal 6100
3442 Østre Toten 15000; 3443 Vestre Toten 13700; 3446 Gran 13800; 3447 Søndre Land 5600; 3448 Nordre Land 6600
3449 Sør-Aurdal 2900; 3450 Etnedal 1300; 3451 Nord-Aurdal 6500; 3452 Vestre Slidre 2200; 3453 Øystre Slidre 3400
3454 Vang 1600
3901 Horten 28000; 3903 Holmestrand 26700; 3905 Tønsberg 59000; 3907 Sandefjord 66300; 3909 Larvik 48900
3911 Færder 27200
4001 Porsgrunn 37100; 4003 Skien 56500; 4005 Notodden 13200; 4010 Siljan 2400; 4012 Bamble 14200; 4014 Kragerø 10500
4016 Drangedal 4200; 4018 Nome 6600; 4020 Midt-Telemark 11000; 4022 Seljord 2900; 4024 Hjartdal 1600; 4026 Tinn 5500
4028 Kviteseid 2500; 4030 Nissedal 1500; 4032 Fyresdal 1300; 4034 Tokke 2200; 4036 Vinje 3900
4201 Risør 6800; 4202 Grimstad 25100; 4203 Arendal 46500; 4204 Kristiansand 117200; 4205 Lindesnes 23700
4206 Farsund 9800; 4207 Flekkefjord 9200; 4211 Gjerstad 2400; 4212 Vegårshei 2200; 4213 Tvedestrand 6200
4214 Froland 6200; 4215 Lillesand 11700; 4216 Birkenes 5400; 4217 Åmli 1800; 4218 Iveland 1400
4219 Evje og Hornnes 3900; 4220 Bygland 1200; 4221 Valle 1200; 4222 Bykle 1000; 4223 Vennesla 15500; 4224 Åseral 900
4225 Lyngdal 10800; 4226 Hægebostad 1800; 4227 Kvinesdal 6100; 4228 Sirdal 1900
4601 Bergen 291900; 4602 Kinn 17400; 4611 Etne 4200; 4612 Sveio 5900; 4613 Bømlo 12300; 4614 Stord 19300
4615 Fitjar 3300; 4616 Tysnes 3000; 4617 Kvinnherad 13200; 4618 Ullensvang 11200; 4619 Eidfjord 1000; 4620 Ulvik 1100
4621 Voss 16400; 4622 Kvam 8600; 4623 Samnanger 2500; 4624 Bjørnafjorden 26100; 4625 Austevoll 5400
4626 Øygarden 39800; 4627 Askøy 30300; 4628 Vaksdal 3900; 4629 Modalen 400; 4630 Osterøy 8300; 4631 Alver 30200
4632 Austrheim 3000; 4633 Fedje 520; 4634 Masfjorden 1700; 4635 Gulen 2300; 4636 Solund 770; 4637 Hyllestad 1300
4638 Høyanger 4000; 4639 Vik 2700; 4640 Sogndal 12200; 4641 Aurland 1900; 4642 Lærdal 2200; 4643 Årdal 5200
4644 Luster 5300; 4645 Askvoll 3000; 4646 Fjaler 2900; 4647 Sunnfjord 22600; 4648 Bremanger 3600; 4649 Stad 9600
4650 Gloppen 6000; 4651 Stryn 7300
5001 Trondheim 214600; 5006 Steinkjer 24100; 5007 Namsos 15200; 5014 Frøya 5500; 5020 Osen 940; 5021 Oppdal 7300
5022 Rennebu 2500; 5025 Røros 5700; 5026 Holtålen 2000; 5027 Midtre Gauldal 6200; 5028 Melhus 17500; 5029 Skaun 8600
5031 Malvik 14700; 5032 Selbu 4200; 5033 Tydal 770; 5034 Meråker 2500; 5035 Stjørdal 24700; 5036 Frosta 2700
5037 Levanger 20400; 5038 Verdal 15200; 5041 Snåsa 2000; 5042 Lierne 1300; 5043 Røyrvik 400; 5044 Namsskogan 820
5045 Grong 2300; 5046 Høylandet 1200; 5047 Overhalla 3900; 5049 Flatanger 1100; 5052 Leka 580; 5053 Inderøy 6900
5054 Indre Fosen 10100; 5055 Heim 6000; 5056 Hitra 5300; 5057 Ørland 10700; 5058 Åfjord 4300; 5059 Orkland 19000
5060 Nærøysund 9900; 5061 Rindal 2000
5501 Tromsø 78700; 5503 Harstad 25000; 5510 Kvæfjord 2800; 5512 Tjeldsund 4200; 5514 Ibestad 1300; 5516 Gratangen 1100
5518 Lavangen 980; 5520 Bardu 4200; 5522 Salangen 2100; 5524 Målselv 6700; 5526 Sørreisa 3500; 5528 Dyrøy 1100
5530 Senja 14900; 5532 Balsfjord 5600; 5534 Karlsøy 2200; 5536 Lyngen 2700; 5538 Storfjord 1800; 5540 Kåfjord 2000
5542 Skjervøy 2800; 5544 Nordreisa 4800; 5546 Kvænangen 1100
5601 Alta 21600; 5603 Hammerfest 11300; 5605 Sør-Varanger 9900; 5607 Vadsø 5600; 5610 Karasjok 2600
5612 Kautokeino 2900; 5614 Loppa 850; 5616 Hasvik 1000; 5618 Måsøy 1100; 5620 Nordkapp 2900; 5622 Porsanger 3900
5624 Lebesby 1200; 5626 Gamvik 1100; 5628 Tana 2800; 5630 Berlevåg 850; 5632 Båtsfjord 2200; 5634 Vardø 1900
5636 Nesseby 850
"""

OSLO_DISTRICTS = (
    "Gamle Oslo, Grünerløkka, Sagene, St. Hanshaugen, Frogner, Ullern, Vestre Aker, Nordre Aker, Bjerke, Grorud, "
    "Stovner, Alna, Østensjø, Nordstrand, Søndre Nordstrand"
).split(", ")


def districts() -> list[tuple[str, str]]:
    """(code, name) of the fifteen districts of Oslo, code system 3403."""
    return [(f"0301{number:02d}", name) for number, name in enumerate(OSLO_DISTRICTS, 1)]


@cache
def municipalities() -> tuple[Municipality, ...]:
    """All of them, in the order of their codes."""
    rows = []
    for entry in _TABLE.strip().replace("\n", "; ").split("; "):
        code, rest = entry.split(" ", 1)
        name, people = rest.rsplit(" ", 1)
        rows.append((code, name, int(people)))
    return tuple(
        Municipality(code, name, people, codes)
        for county in sorted(_POSTAL)
        for (code, name, people), codes in _with_postal_codes([r for r in rows if r[0][:2] == county], county)
    )


def _with_postal_codes(
    rows: list[tuple[str, str, int]], county: str
) -> list[tuple[tuple[str, str, int], tuple[str, ...]]]:
    """Deals the county's postal codes out, about one for each 4,000 people and at least one each."""
    free = iter([f"{prefix}{n:02d}" for prefix in _POSTAL[county].split() for n in range(1, 100)])
    return [(row, tuple(next(free) for _ in range(1 + row[2] // 4000))) for row in rows]
