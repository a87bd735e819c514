//! `dr-buddy report`: the post-mortem, drafted from the record alone and so the same whenever it is asked for. People
//! stand in it by the names that the environment gave them when the run began.

use std::io::{self, Write};

use super::args::Draft;
use super::serve::Ended;
use crate::catalog::Catalog;
use crate::catalog::templates::POST_MORTEM;
use crate::domain::report::post_mortem::post_mortem;
use crate::domain::run::Run;
use crate::domain::run::log::Recorded;
use crate::domain::text::Text;
use crate::domain::value::Language;

/// Prints it.
///
/// # Errors
/// When `out` cannot be written, or the record is none of a run.
pub fn report(
    catalog: &Catalog,
    run: &Run,
    record: &[Recorded],
    language: Language,
    format: Draft,
    out: &mut dyn Write,
) -> io::Result<Ended> {
    let voice = catalog.texts.voice(language, Some(&run.environment));
    // A document has its own markup; that of the room would stand in it as signs.
    let say = |text: &Text| voice.plain(text);
    let draft = post_mortem(record, &say).ok_or(io::ErrorKind::InvalidData)?;
    match format {
        Draft::Json => {
            serde_json::to_writer_pretty(&mut *out, &draft)?;
            writeln!(out)?;
        }
        Draft::Markdown => match catalog.templates.fill(language, POST_MORTEM, &draft) {
            Ok(text) => writeln!(out, "{text}")?,
            Err(error) => {
                writeln!(out, "{POST_MORTEM}: {error}")?;
                return Ok(Ended::Misconfigured);
            }
        },
    }
    Ok(Ended::Well)
}
