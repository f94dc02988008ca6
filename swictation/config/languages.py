"""Names of spoken languages: what people write, as the ISO 639-1 code that engines take.

Codes and names are those of ISO 639 (https://www.loc.gov/standards/iso639-2/php/code_list.php);
where there is no two-letter code, it is the three-letter one.
"""

import difflib
import re

_TABLE = """
af afr afrikaans|am amh amharic|ar ara arabic|as asm assamese|az aze azerbaijani|ba bak bashkir
be bel belarusian|bg bul bulgarian|bn ben bengali bangla|bo bod,tib tibetan|br bre breton
bs bos bosnian|ca cat catalan valencian|cs ces,cze czech|cy cym,wel welsh|da dan danish
de deu,ger german deutsch|el ell,gre greek|en eng english|es spa spanish castilian español
et est estonian|eu eus,baq basque|fa fas,per persian farsi|fi fin finnish suomi|fo fao faroese
fr fra,fre french français|gl glg galician|gu guj gujarati|ha hau hausa|haw haw hawaiian
he heb hebrew|hi hin hindi|hr hrv croatian|ht hat haitian|hu hun hungarian|hy hye,arm armenian
id ind indonesian|is isl,ice icelandic|it ita italian italiano|ja jpn japanese|jw jav,jv javanese
ka kat,geo georgian|kk kaz kazakh|km khm khmer|kn kan kannada|ko kor korean|la lat latin
lb ltz luxembourgish|ln lin lingala|lo lao lao|lt lit lithuanian|lv lav latvian|mg mlg malagasy
mi mri,mao maori|mk mkd,mac macedonian|ml mal malayalam|mn mon mongolian|mr mar marathi
ms msa,may malay|mt mlt maltese|my mya,bur burmese myanmar|ne nep nepali|nl nld,dut dutch flemish
nn nno nynorsk|no nor,nb,nob norwegian|oc oci occitan|pa pan punjabi panjabi|pl pol polish polski
ps pus pashto|pt por portuguese português|ro ron,rum romanian moldovan|ru rus russian
sa san sanskrit|sd snd sindhi|si sin sinhala|sk slk,slo slovak|sl slv slovenian slovene
sn sna shona|so som somali|sq sqi,alb albanian|sr srp serbian|su sun sundanese|sv swe swedish
sw swa swahili|ta tam tamil|te tel telugu|tg tgk tajik|th tha thai|tk tuk turkmen|tl tgl,fil tagalog
tr tur turkish|tt tat tatar|uk ukr ukrainian|ur urd urdu|uz uzb uzbek|vi vie vietnamese
yi yid yiddish|yo yor yoruba|yue yue cantonese|zh zho,chi,cmn chinese mandarin
"""
_CODE = re.compile(r"[a-z]{2,3}")
_LONGEST_CODE = 3
_COMMON = "en (English), de (German), es (Spanish), fr (French), it (Italian), zh (Chinese)"
_ROWS = [row.split() for row in _TABLE.replace("\n", "|").split("|") if row]
_CODES = {
    name: code for code, others, *names in _ROWS for name in (code, *others.split(","), *names)
}
_NAMES = {code: names[0].capitalize() for code, _, *names in _ROWS}


def language_code(text: str) -> str | None:
    """The code of the language that `text` names, or None if it names none.

    Accepts codes of two and three letters, English and some native names, and tags with a region
    or script ("en-US", "zh_Hant", "de_DE.UTF-8"), in upper or lower case.
    """
    plain = text.strip().lower()
    return _CODES.get(plain) or _CODES.get(plain.replace("_", "-").partition("-")[0])


def language_name(code: str) -> str:
    """Its English name, with a capital; the code where we do not know it."""
    return _NAMES.get(code, code)


def language_meant(text: str) -> str | None:
    """As `language_code`, but an unknown code is kept: an engine may know it."""
    return language_code(text) or (text if _CODE.fullmatch(text) else None)


def unknown_language(text: str) -> str:
    """What to say of a word that names no language: what was meant, else what there is."""
    meant = closest_language(text)
    return f': did you mean "{meant}"?' if meant else f": name one, such as {_COMMON}"


def closest_language(text: str) -> str:
    """The code of the language that a misspelt name probably means, or ""."""
    names = [name for name in _CODES if len(name) > _LONGEST_CODE]  # codes are all alike
    found = difflib.get_close_matches(text.strip().lower(), names, n=1, cutoff=0.75)
    return _CODES[found[0]] if found else ""
