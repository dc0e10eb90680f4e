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
        "Where several sources give a figure, the preferred one is shown; all are in the release's CSV files.",
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
