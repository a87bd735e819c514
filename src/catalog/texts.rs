//! Everything the bot says, in every language it speaks: `prompts/messages/{en,fr}/*.yaml`, one key per sentence,
//! written as minijinja templates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use include_dir::{Dir, include_dir};
use minijinja::UndefinedBehavior;
use tracing::error;

use super::documents;
use crate::domain::environment::Environment;
use crate::domain::ids::PersonId;
use crate::domain::text::Text;
use crate::domain::value::Language;
use crate::domain::yaml::Diagnostic;

static MESSAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts/messages");

/// The sentences. A sentence laid over a built-in one replaces it, and may say what that one can say.
#[derive(Debug, Clone)]
pub struct Texts {
    templates: minijinja::Environment<'static>,
    keys: BTreeMap<&'static str, BTreeSet<String>>,
}

/// Why the sentences cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTexts {
    /// A file is not a mapping of keys to texts.
    #[error("{file}: {why}")]
    File {
        /// Which.
        file: String,
        /// Why.
        why: String,
    },
    /// A sentence is not a template.
    #[error("{file}: `{key}`: {why}")]
    Template {
        /// Which file.
        file: String,
        /// Which sentence.
        key: String,
        /// Why.
        why: String,
    },
}

/// How a text is written where it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Markup {
    /// Slack's mrkdwn: `&`, `<` and `>` of the outside world are escaped, people are mentioned.
    Mrkdwn,
    /// Nothing is interpreted: headings, buttons, terminals.
    Plain,
}

/// A way of saying: in a language, in a markup, with the people of an environment.
#[derive(Debug, Clone, Copy)]
pub struct Voice<'a> {
    texts: &'a Texts,
    language: Language,
    environment: Option<&'a Environment>,
}

impl Texts {
    /// The built-in sentences, and those of `messages/{en,fr}` in a directory laid over them.
    ///
    /// # Errors
    /// Every file and sentence that cannot be used.
    pub fn read(prompts: Option<&Path>) -> Result<Self, Vec<Diagnostic>> {
        let (mut files, mut over) = (Vec::new(), Vec::new());
        for language in Language::ALL {
            let code = language.code();
            let built_in = MESSAGES.get_dir(code).map(|dir| documents::built_in(dir, code));
            let built_in = built_in.transpose()?.unwrap_or_default();
            files.extend(built_in.into_iter().map(|file| (language, file)));
            let path = prompts.map(|prompts| prompts.join("messages").join(code));
            if let Some(path) = path.filter(|path| path.is_dir()) {
                over.extend(documents::directory(&path)?.into_iter().map(|file| (language, file)));
            }
        }
        fn parts((language, file): &(Language, documents::File)) -> (Language, &str, &str) {
            (*language, &file.name, &file.text)
        }
        let texts = Self::load(files.iter().map(parts));
        let texts = texts.and_then(|texts| texts.lay_over(over.iter().map(parts)));
        texts.map_err(|bad| {
            let trouble =
                |bad: &BadTexts| documents::trouble("messages".into(), &bad.to_string(), "");
            bad.iter().map(trouble).collect()
        })
    }

    /// Reads `(language, file name, content)`.
    ///
    /// # Errors
    /// Every file and sentence that cannot be used.
    pub fn load<'a>(
        files: impl IntoIterator<Item = (Language, &'a str, &'a str)>,
    ) -> Result<Self, Vec<BadTexts>> {
        let mut templates = minijinja::Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        Self { templates, keys: BTreeMap::new() }.with(files, Self::add)
    }

    /// The same with other words for some of the sentences.
    ///
    /// # Errors
    /// Every file and sentence that cannot be used: nobody would hear of it before the night it is to be said.
    pub fn lay_over<'a>(
        self,
        files: impl IntoIterator<Item = (Language, &'a str, &'a str)>,
    ) -> Result<Self, Vec<BadTexts>> {
        self.with(files, Self::replace)
    }

    fn with<'a>(
        mut self,
        files: impl IntoIterator<Item = (Language, &'a str, &'a str)>,
        add: fn(&mut Self, Language, &str, String) -> Result<(), String>,
    ) -> Result<Self, Vec<BadTexts>> {
        let mut bad = Vec::new();
        for (language, file, content) in files {
            let file = format!("{}/{file}", language.code());
            match serde_saphyr::from_str::<BTreeMap<String, String>>(content) {
                Ok(sentences) => {
                    for (key, template) in sentences {
                        if let Err(why) = add(&mut self, language, &key, template) {
                            bad.push(BadTexts::Template { file: file.clone(), key, why });
                        }
                    }
                }
                Err(error) => bad.push(BadTexts::File { file, why: error.to_string() }),
            }
        }
        if bad.is_empty() { Ok(self) } else { Err(bad) }
    }

    fn replace(&mut self, language: Language, key: &str, template: String) -> Result<(), String> {
        if !self.keys.get(language.code()).is_some_and(|keys| keys.contains(key)) {
            return Err("there is no such sentence, so it would never be said".to_owned());
        }
        let known = self.placeholders(language, key);
        self.add(language, key, template)?;
        let unknown: Vec<_> = self
            .placeholders(language, key)
            .into_iter()
            .filter(|one| !known.contains(one))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let known: Vec<_> = known.into_iter().collect();
        Err(format!("it has no {}; what it has: {}", unknown.join(", "), known.join(", ")))
    }

    fn add(&mut self, language: Language, key: &str, template: String) -> Result<(), String> {
        let code = language.code();
        self.keys.entry(code).or_default().insert(key.to_owned());
        let name = format!("{code}/{key}");
        self.templates.add_template_owned(name, template).map_err(|error| error.to_string())
    }

    /// The keys of a language.
    pub fn keys(&self, language: Language) -> impl Iterator<Item = &str> {
        self.keys.get(language.code()).into_iter().flatten().map(String::as_str)
    }

    /// The placeholders of a sentence.
    pub fn placeholders(&self, language: Language, key: &str) -> BTreeSet<String> {
        let name = format!("{}/{key}", language.code());
        let template = self.templates.get_template(&name);
        template
            .map(|template| template.undeclared_variables(false))
            .unwrap_or_default()
            .into_iter()
            .collect()
    }

    /// Speaks a language, to the people of an environment if there is one.
    pub fn voice<'a>(
        &'a self,
        language: Language,
        environment: Option<&'a Environment>,
    ) -> Voice<'a> {
        Voice { texts: self, language, environment }
    }

    /// A sentence without arguments.
    pub fn word(&self, language: Language, key: &str) -> String {
        self.render(language, key, BTreeMap::new())
    }

    /// A sentence with these arguments, which are used as they are.
    pub fn render(&self, language: Language, key: &str, args: BTreeMap<String, String>) -> String {
        let name = format!("{}/{key}", language.code());
        let said = self.templates.get_template(&name).and_then(|template| template.render(args));
        said.unwrap_or_else(|error| {
            // A test demands every key; should one be missing all the same, its name says more than silence.
            error!(key, language = language.code(), error = %error, "A sentence cannot be said");
            key.to_owned()
        })
    }
}

impl Voice<'_> {
    /// The language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Says it in mrkdwn.
    pub fn mrkdwn(&self, text: &Text) -> String {
        self.say(text, Markup::Mrkdwn)
    }

    /// Says it without markup.
    pub fn plain(&self, text: &Text) -> String {
        self.say(text, Markup::Plain)
    }

    fn say(&self, text: &Text, markup: Markup) -> String {
        match text {
            Text::Key(key, args) => {
                self.render(key, args.iter().map(|(name, text)| (*name, text)), markup)
            }
            Text::Named(key, args) => {
                self.render(key, args.iter().map(|(name, text)| (name.as_str(), text)), markup)
            }
            Text::Said(localized) => written(localized.get(self.language), markup),
            Text::Raw(text) => written(text, markup),
            Text::Person(id) => self.person(id, markup),
            Text::Channel(channel) => self::channel(channel, markup),
            Text::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.say(item, markup)).collect();
                items.join(", ")
            }
            Text::Lines(items) => {
                let items: Vec<_> = items.iter().map(|item| self.say(item, markup)).collect();
                items.join("\n")
            }
            Text::In(language, text) => Voice { language: *language, ..*self }.say(text, markup),
        }
    }

    fn render<'t>(
        &self,
        key: &str,
        args: impl Iterator<Item = (&'t str, &'t Text)>,
        markup: Markup,
    ) -> String {
        let args = args.map(|(name, text)| (name.to_owned(), self.say(text, markup)));
        self.texts.render(self.language, key, args.collect())
    }

    fn person(&self, id: &PersonId, markup: Markup) -> String {
        let person = self.environment.and_then(|environment| environment.person(id));
        match (markup, person) {
            (Markup::Mrkdwn, Some(person)) => match &person.slack {
                Some(slack) => format!("<@{slack}>"),
                None => written(&person.name, markup),
            },
            (Markup::Plain, Some(person)) => person.name.clone(),
            (Markup::Mrkdwn | Markup::Plain, None) => written(id.as_str(), markup),
        }
    }
}

/// A channel's id is a link; a name is a name.
fn channel(channel: &str, markup: Markup) -> String {
    let is_id = channel.len() >= 9
        && channel.starts_with(['C', 'G'])
        && channel.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    match markup {
        Markup::Mrkdwn if is_id => format!("<#{channel}>"),
        Markup::Mrkdwn | Markup::Plain => written(channel, markup),
    }
}

/// A text of the outside world, so that nothing in it is taken for a mention or a link.
fn written(text: &str, markup: Markup) -> String {
    match markup {
        Markup::Mrkdwn => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        Markup::Plain => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_escaped_and_what_is_missing_is_named() {
        let files = [(Language::En, "a.yaml", "hello: \"Hello {{ who }}\"")];
        let texts = Texts::load(files).unwrap();
        let voice = texts.voice(Language::En, None);
        let hello = Text::Key("hello", vec![("who", Text::raw("<!channel> & co"))]);
        assert_eq!(voice.mrkdwn(&hello), "Hello &lt;!channel&gt; &amp; co");
        assert_eq!(voice.plain(&hello), "Hello <!channel> & co");
        let channel = |channel: &str| voice.mrkdwn(&Text::Channel(channel.to_owned()));
        assert_eq!(channel("C0WARROOM"), "<#C0WARROOM>");
        assert_eq!(channel("#war-room & co"), "#war-room &amp; co");
        assert_eq!(voice.plain(&Text::key("bye")), "bye");
        assert_eq!(voice.plain(&Text::key("hello")), "hello");
    }

    #[test]
    fn a_sentence_is_replaced_by_one_that_can_be_said() {
        let texts = Texts::load([(Language::En, "a.yaml", "hello: \"Hello {{ who }}\"")]).unwrap();
        let over = |content| texts.clone().lay_over([(Language::En, "over.yaml", content)]);
        let said = over("hello: \"Good night {{ who }}\"").unwrap();
        let hello = Text::Key("hello", vec![("who", Text::raw("Mia"))]);
        assert_eq!(said.voice(Language::En, None).plain(&hello), "Good night Mia");
        assert!(over("hello: \"Good night\"").is_ok());
        for (content, why) in [
            ("helo: \"Good night\"", "no such sentence"),
            ("hello: \"Hello {{ step }} {{ who }}\"", "it has no step; what it has: who"),
        ] {
            let bad = over(content).unwrap_err();
            assert!(bad.len() == 1 && bad[0].to_string().contains(why), "{bad:?}");
        }
    }

    #[test]
    fn a_broken_sentence_is_reported_with_its_file() {
        let bad = Texts::load([(Language::En, "a.yaml", "x: \"{{ oops\"")]).unwrap_err();
        assert!(bad[0].to_string().starts_with("en/a.yaml: `x`"), "{bad:?}");
        assert!(Texts::load([(Language::Fr, "b.yaml", "- 1")]).is_err());
    }
}
