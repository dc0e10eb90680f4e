"""Words of the workbooks and pages that are not names of columns or codes, in English and Nepali."""

from statloom.exports.model import Text

WORDS = {
    "contents": Text("Contents", "विषयसूची"),
    "notes": Text("Notes", "टिप्पणी"),
    "sources": Text("Sources", "स्रोतहरू"),
    "goal": Text("Goal", "लक्ष्य"),
    "release": Text("Release", "प्रकाशन"),
    "publisher": Text("Publisher", "प्रकाशक"),
    "breakdown": Text("Breakdown", "वर्गीकरण"),
    "breakdown_ne": Text("Breakdown in Nepali", "नेपालीमा वर्गीकरण"),
    "by_breakdown": Text("The country, by breakdown", "देश, वर्गीकरण अनुसार"),
    "total": Text("Total", "जम्मा"),
    "yes": Text("yes", "हो"),
    "left_out_mark": Text("…", "…"),
    "language": Text("नेपाली", "English"),
    "all_datasets": Text("All datasets", "सबै तथ्याङ्क समूह"),
    "search": Text("Search the datasets", "तथ्याङ्क समूह खोज्नुहोस्"),
    "search_hint": Text("title, code, indicator, goal or source", "शीर्षक, सङ्केत, सूचक, लक्ष्य वा स्रोत"),
    "found": Text("datasets found", "तथ्याङ्क समूह भेटिए"),
    "any_goal": Text("All goals", "सबै लक्ष्य"),
    "what": Text("What it is", "यो के हो"),
    "made": Text("How it was made", "कसरी बनाइयो"),
    "quality": Text("Quality and limits", "गुणस्तर र सीमा"),
    "rights": Text("Licence", "इजाजतपत्र"),
    "cite": Text("How to cite", "उद्धरण कसरी गर्ने"),
    "chart": Text("Chart", "चार्ट"),
    "map": Text("Map", "नक्सा"),
    "figures": Text("Figures", "तथ्याङ्क"),
    "downloads": Text("Downloads", "डाउनलोड"),
    "more_formats": Text("The whole release in other formats", "पूरै प्रकाशन अन्य ढाँचामा"),
    "file": Text("File", "फाइल"),
    "size": Text("Size", "आकार"),
    "checksum": Text("Checksum (SHA-256)", "चेकसम (SHA-256)"),
    "periods": Text("Periods", "अवधि"),
    "levels": Text("Places", "ठाउँ"),
    "cells": Text("Figures", "तथ्याङ्क सङ्ख्या"),
    "dataset": Text("Dataset", "तथ्याङ्क समूह"),
    "definition": Text("Definition", "परिभाषा"),
    "differs": Text("How it differs from the indicator", "सूचकसँग कसरी फरक छ"),
    "latest": Text("Latest figure of each place", "हरेक ठाउँको पछिल्लो तथ्याङ्क"),
    "table_of_map": Text("The map as a table", "नक्सा तालिकाका रूपमा"),
    "no_figure": Text("no figure", "तथ्याङ्क छैन"),
    "map_needs_script": Text(
        "The map is drawn by JavaScript; the figures are in the files below.",
        "नक्सा जाभास्क्रिप्टले कोर्छ; तथ्याङ्क तलका फाइलमा छन्।",
    ),
    "synthetic": Text(
        "Synthetic: made by a generator for demonstration, not collected from anyone.",
        "कृत्रिम: प्रदर्शनका लागि कम्प्युटरले बनाएको, कसैबाट सङ्कलन गरिएको होइन।",
    ),
    "synthetic_short": Text("synthetic", "कृत्रिम"),
    "left_out_cells": Text(
        "{count} of {all} figures are left out to protect respondents or because they are too unreliable; "
        "their place in the files is empty and says so.",
        "{all} मध्ये {count} तथ्याङ्क गोपनीयता जोगाउन वा भरपर्दो नभएकाले नदेखाइएका छन्; "
        "फाइलमा तिनको ठाउँ खाली छ र कारण लेखिएको छ।",
    ),
    "nothing_left_out": Text("No figure is left out.", "कुनै तथ्याङ्क लुकाइएको छैन।"),
    "methods": Text(
        "How the figures came to today's places",
        "अहिलेका ठाउँका तथ्याङ्क कसरी निकालिए",
    ),
    "statuses": Text("Status of the figures", "तथ्याङ्कको अवस्था"),
    "errors": Text(
        "{count} of {all} figures have a standard error; the median coefficient of variation is {median}.",
        "{all} मध्ये {count} तथ्याङ्कको मानक त्रुटि छ; विचरण गुणाङ्कको मध्यिका {median} छ।",
    ),
    "no_errors": Text(
        "The figures are not from a sample: they have no standard error. Other errors are not measured.",
        "तथ्याङ्क नमुना सर्वेक्षणका होइनन्: मानक त्रुटि छैन। अन्य त्रुटि नापिएको छैन।",
    ),
    "restricted": Text(
        "Ask the custodian before you use it for purposes that the licence does not name.",
        "इजाजतपत्रमा नभएको प्रयोजनका लागि जिम्मेवार निकायलाई सोध्नुहोस्।",
    ),
    "about_release": Text(
        "Release {number} of {date}, from publication {publication}.",
        "प्रकाशन {number}, {date}, प्रकाशित तथ्याङ्क संस्करण {publication} बाट।",
    ),
    "format_geojson": Text("Maps: GeoJSON by level", "नक्सा: तह अनुसार GeoJSON"),
    "format_geopackage": Text("Maps: GeoPackage with all series", "नक्सा: सबै शृङ्खलासहित GeoPackage"),
    "format_workbook": Text("Excel workbook of the goal", "लक्ष्यको एक्सेल कार्यपुस्तिका"),
    "format_open_sdg": Text("Open SDG data repository", "ओपन एसडीजी तथ्याङ्क भण्डार"),
    "format_package": Text("Data Package of the whole", "पूरै प्रकाशनको डाटा प्याकेज"),
    "format_catalogue": Text("Catalogue (DCAT)", "सूचीपत्र (DCAT)"),
    "format_places": Text("Places and their codes", "ठाउँ र तिनका सङ्केत"),
    "format_series": Text("List of all series", "सबै शृङ्खलाको सूची"),
    "format_checksums": Text("Checksums of all files", "सबै फाइलका चेकसम"),
    "format_workbooks": Text("Excel workbooks of goals and places", "लक्ष्य र ठाउँका एक्सेल कार्यपुस्तिका"),
    "format_changes": Text("What changed since the last release", "अघिल्लो प्रकाशनपछि के फेरियो"),
    "boundaries": Text("Boundaries", "सिमाना"),
    "place": Text("Place", "ठाउँ"),
    "changes_first": Text("This is the first release: everything is new.", "यो पहिलो प्रकाशन हो: सबै नयाँ छ।"),
    "changes_since": Text(
        "What release {release} changes against release {former} of {date}.",
        "प्रकाशन {release} ले {date} को प्रकाशन {former} मा के फेर्छ।",
    ),
    "changes_none": Text("None.", "कुनै पनि छैन।"),
    "changes_series_new": Text("New series", "नयाँ शृङ्खला"),
    "changes_series_gone": Text("Series that are gone", "हटेका शृङ्खला"),
    "changes_series_revised": Text("Figures that changed, by series", "फेरिएका तथ्याङ्क, शृङ्खला अनुसार"),
    "changes_new": Text("new", "नयाँ"),
    "changes_gone": Text("gone", "हटेका"),
    "changes_revised": Text("revised", "संशोधित"),
    "changes_left_out": Text("no longer shown", "अब नदेखाइएका"),
    "changes_shown_again": Text("shown again", "फेरि देखाइएका"),
    "changes_described_anew": Text("same figure, other notes", "उही तथ्याङ्क, अर्को टिप्पणी"),
    "changes_why": Text("Why", "किन"),
    "changes_largest": Text("largest changes", "सबैभन्दा ठूला परिवर्तन"),
    "changes_before": Text("Before", "पहिले"),
    "changes_after": Text("Now", "अहिले"),
    "microdata": Text("Unit records for everybody", "सबैका लागि एकाइ अभिलेख"),
    "microdata_what": Text(
        "A public-use file: rows of persons and households, made coarser so that nobody stands out. "
        "An empty field is a missing answer, or a value that was left out.",
        "सार्वजनिक प्रयोगको फाइल: व्यक्ति र घरधुरीका पङ्क्ति, कसैलाई अरूबाट छुट्याउन नसकिने गरी मोटा बनाइएका। "
        "खाली ठाउँ भनेको नआएको उत्तर वा हटाइएको मान हो।",
    ),
    "microdata_edition": Text("Edition", "संस्करण"),
    "microdata_rows": Text("Rows", "पङ्क्ति"),
    "microdata_protection": Text("How persons are protected", "व्यक्तिको गोपनीयता कसरी जोगाइयो"),
    "microdata_variables": Text("Variables", "चरहरू"),
    "microdata_variable": Text("Variable", "चर"),
    "microdata_table": Text("Table", "तालिका"),
    "microdata_role": Text("Role", "भूमिका"),
    "microdata_role_key": Text("key", "पहिचान चर"),
    "microdata_role_sensitive": Text("sensitive", "संवेदनशील"),
    "microdata_role_other": Text("other", "अन्य"),
    "microdata_role_weight": Text("weight", "भार"),
    "microdata_role_number": Text("number", "क्रमसङ्ख्या"),
    "microdata_categories": Text("Categories", "वर्गहरू"),
    "microdata_made": Text("How it was made coarser", "कसरी मोटो बनाइयो"),
    "microdata_suppressed": Text("Values left out", "हटाइएका मान"),
    "microdata_kept": Text("Information kept", "बाँकी जानकारी"),
    "releases_all": Text("All releases", "सबै प्रकाशन"),
    "releases_latest": Text("The release in force: {number}", "हाल लागू प्रकाशन: {number}"),
    "releases_none": Text("No release is in force.", "हाल कुनै प्रकाशन लागू छैन।"),
    "releases_date": Text("Date", "मिति"),
    "releases_status": Text("Status", "अवस्था"),
    "releases_released": Text("released", "प्रकाशित"),
    "releases_withdrawn": Text("withdrawn", "फिर्ता लिइएको"),
}

NOTES = (
    Text(
        "Italic: an estimate, apportioned to today's places.", "छड्के अक्षर: अहिलेका ठाउँमा बाँडेर निकालिएको अनुमान।"
    ),
    Text(
        "Shaded: of low reliability; use with care.",
        "रङ लगाइएको: कम भरपर्दो; सावधानीपूर्वक प्रयोग गर्नुहोस्।",
    ),
    Text(
        "…: left out to protect respondents, or too unreliable to be published.",
        "…: उत्तरदाताको गोपनीयता जोगाउन वा भरपर्दो नभएकाले नदेखाइएको।",
    ),
    Text("An empty cell: there is no figure.", "खाली कोठा: तथ्याङ्क छैन।"),
    Text(
        "Where several sources give a figure, the preferred one is shown; all are in the release's CSV.",
        "धेरै स्रोतका तथ्याङ्क भए रोजिएको मात्र देखाइएको छ; सबै तथ्याङ्क प्रकाशनका सीएसभी फाइलमा छन्।",
    ),
    Text(
        "Coefficient of variation: the standard error as a share of the figure.",
        "विचरण गुणाङ्क: तथ्याङ्कको हिस्साका रूपमा मानक त्रुटि।",
    ),
    Text(
        "Standard errors and intervals are of sampling; they say nothing of other errors.",
        "मानक त्रुटि र अन्तरालले नमुना छनोटको त्रुटि मात्र जनाउँछन्।",
    ),
)


def say(language: str, word: str, **values: object) -> str:
    """Return the text ``word`` in ``language``, with ``values`` in their places."""
    text = WORDS[word].in_(language)
    return text.format(**values) if values else text


def numbered(title: Text, name: str) -> Text:
    """Return ``title`` with ``name`` behind it."""
    return Text(f"{title.en}: {name}", f"{title.in_('ne')}: {name}")
