//! Both databases have the same schema, migration by migration.

use std::fs;

use super::Bed;
use crate::harness::repository;

#[test]
fn migrations_have_the_same_numbers_and_names() {
    let names = |engine: &str| {
        let folder = repository().join("migrations").join(engine);
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(!names("sqlite").is_empty());
}

#[tokio::test]
async fn tables_columns_and_types_are_the_same() {
    const SQLITE: &str = "select m.name || '.' || c.name || ' ' || lower(c.type) || \
         case when c.\"notnull\" = 1 or c.pk > 0 then ' not null' else '' end || \
         case when c.pk > 0 then ' key ' || c.pk else '' end \
         from sqlite_master m, pragma_table_info(m.name) c \
         where m.type = 'table' and m.name not like '\\_sqlx%' escape '\\' \
         and m.name not like 'sqlite%' order by 1";
    const POSTGRES: &str = "select c.table_name || '.' || c.column_name || ' ' || c.data_type || \
         case when c.is_nullable = 'NO' then ' not null' else '' end || \
         coalesce((select ' key ' || k.ordinal_position from information_schema.key_column_usage k \
         join information_schema.table_constraints t using (constraint_name, table_name) \
         where t.constraint_type = 'PRIMARY KEY' and k.table_name = c.table_name \
         and k.column_name = c.column_name), '') \
         from information_schema.columns c where c.table_schema = 'public' \
         and c.table_name not like '\\_sqlx%'";
    let (sqlite, postgres) = (Bed::sqlite(), Bed::postgres().await);
    drop(sqlite.open().await);
    drop(postgres.open().await);
    let sqlite = sqlite.texts(SQLITE).await;
    // Sorted here: the two have different ideas of the order of words.
    let mut postgres = postgres.texts(POSTGRES).await;
    postgres.sort_unstable();
    let mut sorted = sqlite.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, postgres);
    assert!(sqlite.len() > 25, "{sqlite:#?}");
}
