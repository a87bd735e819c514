//! The grammar of the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// A Slack bot for guided disaster recovery.
#[derive(Debug, Parser)]
#[command(name = "dr-buddy", version, about)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Try it: a simulated region failover in the browser; needs neither Slack nor AWS
    Demo {
        /// Play it with four people and print the transcript instead
        #[arg(long)]
        script: bool,
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:8088")]
        listen: SocketAddr,
        /// How many times as fast as real time
        #[arg(long)]
        speed: Option<u32>,
        /// Keep everything in this folder, and go on from there at the next start
        #[arg(long)]
        keep: Option<PathBuf>,
        /// Language of the transcript: en or fr
        #[arg(long, default_value = "en")]
        lang: String,
    },
    /// Run the bot; settings come from environment variables (see the README)
    Serve,
    /// Drive a run from here, for the hour in which Slack is down; `DR_BUDDY_TOKEN` says who you are
    Run {
        /// list, show, run, approve, reject, go, no-go, skip, retry, look-again, done, take, note, hold, resume, close …
        verb: String,
        /// The step it is about
        #[arg(long)]
        step: Option<String>,
        /// The role it is about, for `take`
        #[arg(long)]
        role: Option<String>,
        /// The run; the open one unless told
        #[arg(long)]
        run: Option<String>,
        /// The first digits of the digest, instead of typing them when asked
        #[arg(long)]
        digest: Option<String>,
        /// The reason or the text, where one is wanted
        words: Vec<String>,
    },
    /// Give a person one-time codes, asked for where there is no way back; `DR_BUDDY_TOKEN` says who you are
    Enrol {
        /// Who, by the id in the environment file
        person: Option<String>,
        /// Take the codes away
        #[arg(long, requires = "person", conflicts_with = "list")]
        remove: bool,
        /// Say who has some
        #[arg(long, conflicts_with = "person")]
        list: bool,
    },
    /// Look whether every step of every runbook would work today; changes nothing
    ///
    /// Ends with 0 when all is green, 1 when something is amber or unknown, 2 when something is red; 64 when settings or
    /// documents are wrong.
    Doctor {
        /// The environment; `DR_BUDDY_ENVIRONMENT` unless told
        #[arg(long)]
        env: Option<String>,
        /// Take this region for dead: which steps would wait for its control planes?
        #[arg(long, value_name = "REGION")]
        dark: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// en or fr
        #[arg(long, default_value = "en")]
        lang: String,
    },
    /// How often and how long the service was away, whether RTO and RPO were kept, which steps nobody has tried
    Stats {
        /// The environment; `DR_BUDDY_ENVIRONMENT` unless told
        #[arg(long)]
        env: Option<String>,
        /// What to print
        #[arg(long, value_enum, default_value_t)]
        format: Table,
    },
    /// Print the post-mortem of a run, drafted from its record alone; what people have to write is marked
    Report {
        /// The run
        run: String,
        /// en or fr
        #[arg(long, default_value = "en")]
        lang: String,
        /// What to print
        #[arg(long, value_enum, default_value_t)]
        format: Draft,
    },
    /// Take the evidence of a run away, and check it
    #[command(subcommand)]
    Evidence(Evidence),
    /// Check, show and describe runbooks
    #[command(subcommand)]
    Runbook(Runbook),
}

/// About the evidence of a run.
#[derive(Debug, Subcommand)]
pub enum Evidence {
    /// Write events, previews, what calls left, and a manifest into a new folder
    Export {
        /// The run
        run: String,
        /// The folder; logs/incidents/RUN unless told
        #[arg(long)]
        to: Option<PathBuf>,
    },
    /// Check a folder, offline; names the first thing that is wrong
    Verify {
        /// The folder
        path: PathBuf,
    },
}

/// About runbooks.
#[derive(Debug, Subcommand)]
pub enum Runbook {
    /// Report every problem of runbooks, with line, column and a hint
    Check {
        /// Files, or directories of them
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// The environments they must fit; the built-in ones unless told
        #[arg(long)]
        environments: Option<PathBuf>,
    },
    /// Print the JSON Schema of runbooks
    Schema,
    /// Print a runbook for people, as Markdown or as a Mermaid flowchart
    Show {
        /// Its id, or its file
        id: String,
        /// en or fr
        #[arg(long, default_value = "en")]
        lang: String,
        /// What to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// How a post-mortem is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Draft {
    /// The document, to go on writing
    #[default]
    Markdown,
    /// Every figure with its unit and the events it follows from
    Json,
}

/// How a runbook is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// All of it, to read and to put on the wall
    #[default]
    Markdown,
    /// What waits for what, and the critical path
    Mermaid,
}

/// How figures are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Table {
    /// To read
    #[default]
    Text,
    /// A row for each figure, for a spreadsheet
    Csv,
    /// The same rows, for programs
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound() {
        super::Args::command().debug_assert();
    }
}
