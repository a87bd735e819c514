//! The changes of the schema, from the files `migrations/DATABASE/NUMBER_NAME.sql`, which are part of the program. Not by
//! sqlx's macro: with it cargo builds every driver a second time, for the compiler.

use include_dir::{Dir, include_dir};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

static POSTGRES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations/postgres");
static SQLITE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/migrations/sqlite");

/// Those of PostgreSQL.
pub(super) fn postgres() -> Migrator {
    Migrator::with_migrations(all(&POSTGRES))
}

/// Those of SQLite.
pub(super) fn sqlite() -> Migrator {
    Migrator::with_migrations(all(&SQLITE))
}

fn all(folder: &'static Dir<'static>) -> Vec<Migration> {
    let one = |file: &'static include_dir::File<'static>| {
        let name = file.path().file_stem()?.to_str()?;
        let (number, name) = name.split_once('_')?;
        let sql = file.contents_utf8()?.into_sql_str();
        let name = name.replace('_', " ").into();
        Some(Migration::new(number.parse().ok()?, name, MigrationType::Simple, sql, false))
    };
    folder.files().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_one_and_they_are_numbered_without_a_gap() {
        for (folder, found) in [(&POSTGRES, postgres()), (&SQLITE, sqlite())] {
            let numbers: Vec<i64> = found.iter().map(|one| one.version).collect();
            let all = i64::try_from(folder.files().count()).unwrap();
            assert_eq!(numbers, (1..=all).collect::<Vec<_>>());
            assert!(all >= 8, "{all}");
        }
    }
}
