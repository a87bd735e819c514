//! Small shared values: texts in two languages, languages, JSON in one canonical form.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A language the product speaks.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::En, Self::Fr];

    /// The folder and attribute name: `en`, `fr`.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// Parses `fr`, `fr-FR`, `en_US` …; `None` for a language we do not speak.
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.get(..2)?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|language| language.code() == code)
    }
}

/// A text in every language we speak: `{en: …, fr: …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Localized {
    /// English.
    pub en: String,
    /// French.
    pub fr: String,
}

impl Localized {
    /// The text in one language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Fr => &self.fr,
        }
    }
}

/// JSON with sorted keys and no spaces: equal values give equal bytes, so that a digest of it means something.
pub fn canonical(value: &Value) -> String {
    // serde_json's map is a BTreeMap (the `preserve_order` feature is off; the test below would notice).
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_does_not_depend_on_the_order_of_keys() {
        let one: Value =
            serde_json::from_str(r#"{"b": [1, {"d": 1, "c": 2}], "a": null}"#).unwrap();
        assert_eq!(canonical(&one), r#"{"a":null,"b":[1,{"c":2,"d":1}]}"#);
    }

    #[test]
    fn locales_map_to_languages_we_speak() {
        assert_eq!(Language::parse("fr-FR"), Some(Language::Fr));
        assert_eq!(Language::parse("EN_us"), Some(Language::En));
        assert_eq!(Language::parse("de"), None);
        assert_eq!(Language::parse("é"), None);
    }
}
