"""Words for columns: the fields that a person can choose, and the headers that exports use in several languages."""

from __future__ import annotations

import re

NOT_WORD = re.compile(r"[\W_]+")
HEADER_MAX = 200

MAPPABLE_FIELDS: dict[str, str] = {
    "display_name": "Full name",
    "given_name": "First name",
    "middle_name": "Middle name",
    "family_name": "Last name",
    "nickname": "Nickname",
    "organization": "Company",
    "title": "Job title",
    "department": "Department",
    "birthday": "Birthday",
    "notes": "Notes",
    "email": "E-mail",
    "email.home": "E-mail (home)",
    "email.work": "E-mail (work)",
    "email.other": "E-mail (other)",
    "phone": "Phone",
    "phone.mobile": "Phone (mobile)",
    "phone.home": "Phone (home)",
    "phone.work": "Phone (work)",
    "phone.main": "Phone (main)",
    "phone.fax": "Fax",
    "phone.other": "Phone (other)",
    **{
        f"address{label}.{part}": f"Address{shown}: {name}"
        for label, shown in (("", ""), (".home", " (home)"), (".work", " (work)"), (".other", " (other)"))
        for part, name in (
            ("street", "street"),
            ("po_box", "PO box"),
            ("city", "city"),
            ("region", "state or region"),
            ("postal_code", "postal code"),
            ("country", "country"),
        )
    },
    "url": "Web address",
    "social": "Social profile",
    "im": "Messenger name",
    "tags": "Tags",
    "photo": "Picture (web address)",
    "external_id": "Identifier in the other system",
}


def normal_header(header: str) -> str:
    """Return a header for comparing: casefolded words with single spaces, so that Straße is strasse."""
    return NOT_WORD.sub(" ", header[:HEADER_MAX].casefold()).strip()


def _table(rows: dict[str, str]) -> dict[str, str]:
    return {normal_header(header): field for field, headers in rows.items() for header in headers.split("|")}


# English, German, French, Spanish. In Outlook "Title" is Mr. or Dr., not the job.
OUTLOOK = _table(
    {
        "given_name": "first name|vorname|prénom|nombre",
        "middle_name": "middle name|weitere vornamen|deuxième prénom|segundo nombre",
        "family_name": "last name|nachname|nom|apellidos|apellido",
        "nickname": "nickname|spitzname|surnom|sobrenombre|apodo",
        "organization": "company|firma|société|organización|compañía",
        "department": "department|abteilung|service|departamento",
        "title": "job title|position|titre poste|titre professionnel|fonction|puesto|cargo",
        "birthday": "birthday|geburtstag|anniversaire|cumpleaños",
        "notes": "notes|notizen|notas",
        "tags": "categories|kategorien|catégories|categorías",
        "email": "e mail address|e mail 2 address|e mail 3 address|e mail adresse|e mail 2 adresse|e mail 3 adresse"
        "|adresse de messagerie|adresse de messagerie 2|adresse de messagerie 3|adresse e mail"
        "|dirección de correo electrónico|dirección del correo electrónico 2|dirección del correo electrónico 3"
        "|dirección de correo electrónico 2|dirección de correo electrónico 3",
        "phone.mobile": "mobile phone|mobiltelefon|tél mobile|téléphone mobile|móvil|teléfono móvil",
        "phone.home": "home phone|home phone 2|telefon privat|telefon privat 2|téléphone domicile"
        "|téléphone 2 domicile|particular|número del domicilio 2|teléfono particular|teléfono particular 2",
        "phone.work": "business phone|business phone 2|telefon geschäftlich|telefon geschäftlich 2|telefon firma"
        "|téléphone bureau|téléphone 2 bureau|teléfono del trabajo|teléfono del trabajo 2",
        "phone.main": "company main phone|primary phone|haupttelefon|tél société|téléphone principal"
        "|número de centralita de la organización|teléfono principal",
        "phone.other": "other phone|car phone|radio phone|callback|weiteres telefon|autotelefon|téléphone autre"
        "|téléphone voiture|otro teléfono|teléfono del automóvil",
        "phone.fax": "business fax|home fax|other fax|fax geschäftlich|fax privat|weiteres fax|télécopie bureau"
        "|télécopie domicile|télécopie autre|fax del trabajo|fax particular|otro fax",
        "phone.pager": "pager|récepteur de radiomessagerie|localizador|buscapersonas",
        "phone.assistant": "assistant s phone|telefon assistent|téléphone de l assistant e|teléfono del ayudante",
        "address.work.street": "business street|business street 2|business street 3|straße geschäftlich"
        "|straße geschäftlich 2|straße geschäftlich 3|rue bureau|rue bureau 2|rue bureau 3|rue 2 bureau|rue 3 bureau"
        "|calle del trabajo|calle del trabajo 2|calle del trabajo 3",
        "address.work.po_box": "business address po box|postfach geschäftlich|b p professionnelle",
        "address.work.city": "business city|ort geschäftlich|ville bureau|ciudad de trabajo|ciudad del trabajo",
        "address.work.region": "business state|region geschäftlich|bundesland kanton geschäftlich|dép région bureau"
        "|provincia o estado de trabajo|provincia o estado del trabajo|estado o provincia de trabajo",
        "address.work.postal_code": "business postal code|postleitzahl geschäftlich|code postal bureau"
        "|código postal del trabajo",
        "address.work.country": "business country region|business country|land region geschäftlich|land geschäftlich"
        "|pays région bureau|pays bureau|país o región del trabajo|país del trabajo",
        "address.home.street": "home street|home street 2|home street 3|straße privat|straße privat 2|straße privat 3"
        "|rue domicile|rue domicile 2|rue domicile 3|rue 2 domicile|rue 3 domicile|calle del domicilio particular"
        "|calle particular 2|calle particular 3",
        "address.home.po_box": "home address po box|postfach privat|b p domicile",
        "address.home.city": "home city|ort privat|ville domicile|ciudad del domicilio particular|ciudad particular",
        "address.home.region": "home state|bundesland kanton privat|region privat|dép région domicile"
        "|provincia o estado de residencia|estado o provincia de residencia|provincia particular",
        "address.home.postal_code": "home postal code|postleitzahl privat|code postal domicile"
        "|código postal del domicilio particular|código postal particular",
        "address.home.country": "home country region|home country|land region privat|land privat|pays région domicile"
        "|pays domicile|país o región del domicilio particular|país particular",
        "address.other.street": "other street|other street 2|other street 3|weitere straße|rue autre|otra calle",
        "address.other.po_box": "other address po box|weiteres postfach|b p autre",
        "address.other.city": "other city|weiterer ort|ville autre|otra ciudad",
        "address.other.region": "other state|weitere r bundesland kanton|dép région autre|otra provincia o estado",
        "address.other.postal_code": "other postal code|weitere postleitzahl|code postal autre|otro código postal",
        "address.other.country": "other country region|other country|weiteres land region|pays région autre"
        "|otro país o región",
        "url": "web page|personal web page|webseite|page web|página web",
        "im": "imaddress|im address",
        "ignore": "e mail type|e mail 2 type|e mail 3 type|e mail display name|e mail 2 display name"
        "|e mail 3 display name|gender|priority|private|sensitivity|geschlecht|priorität|privat|vertraulichkeit"
        "|e mail typ|e mail angezeigter name|sexe|privé|priorité|sexo|privado|prioridad|confidencialidad"
        "|e mail 2 typ|e mail 2 angezeigter name|e mail 3 typ|e mail 3 angezeigter name",
    }
)

# Any other table, by the words that people write.
GENERIC = _table(
    {
        "display_name": "name|full name|fullname|display name|contact|contact name|person|vollständiger name"
        "|anzeigename|nom complet|nombre completo|naam",
        "given_name": "given name|firstname|first|forename|prenom|voornaam|nome",
        "middle_name": "additional name|middlename|second name",
        "family_name": "family name|lastname|last|surname|familienname|nom de famille|achternaam|cognome",
        "nickname": "nick name|alias",
        "organization": "organization|organisation|organization name|company name|employer|account name|unternehmen"
        "|entreprise|empresa|azienda|bedrijf",
        "title": "title|role|job|occupation|profession|jobtitle|beruf|poste",
        "department": "dept|division",
        "birthday": "birth date|birthdate|date of birth|dob|bday|geburtsdatum|date de naissance|fecha de nacimiento",
        "notes": "note|comment|comments|remarks|description|bemerkung|bemerkungen|kommentar|commentaire|commentaires",
        "tags": "tags|tag|labels|groups|group|list|category|kategorie|gruppe|group membership",
        "email": "email|e mail|mail|email address|emailaddress|email 1|email 2|email 3|e mail 1|e mail 2|e mail 3"
        "|primary email|courriel|correo|correo electrónico|e mail adressen",
        "email.work": "business email|work e mail|business e mail|company email",
        "phone": "phone|phone number|telephone|tel|phone 1|phone 2|phone 3|primary phone number|telefon"
        "|telefonnummer|téléphone|teléfono|telefono|telefoon",
        "phone.mobile": "mobile|mobile number|cell|cell phone|cellphone|handy|handynummer|mobil|portable|mobiel",
        "phone.fax": "fax|fax number|télécopie",
        "phone.work": "office phone|telefon dienstlich",
        "address.street": "street|address|street address|address line 1|address line 2|address 1|address 2|straße"
        "|strasse|adresse|anschrift|rue|dirección|calle|address1|address2",
        "address.city": "city|town|locality|ort|stadt|ville|ciudad",
        "address.region": "state|region|province|county|bundesland|état|provincia",
        "address.postal_code": "postal code|postcode|zip|zip code|zipcode|plz|postleitzahl|code postal|código postal",
        "address.country": "country|land|pays|país|country region",
        "url": "url|website|web site|homepage|web|webpage|site web|sitio web",
        "social": "linkedin|linkedin url|twitter|facebook|instagram|profile|linkedin profile",
        "im": "im|skype|telegram|whatsapp",
        "photo": "photo|picture|image|avatar|photo url|image url|picture url|avatar url|foto|bild",
        "external_id": "id|uid|uuid|external id|contact id|record id|source id|customer id|kundennummer",
    }
)
