use super::*;
use crate::conformance::{merging, shop_section};

#[tokio::test]
async fn stored_bytes_that_are_cut_short_do_not_stand_in_the_way_of_the_next_save() {
    let directory = tempfile::tempdir().unwrap();
    let options = LmdbOptions { map_bytes: 16 << 20, shards: 4 };
    let store = LmdbWriter::open(directory.path(), options).unwrap();
    let shop_id = ShopId::new(7).unwrap();
    let save = |counter| store.update(shop_id, merging(shop_id, shop_section(counter, "Napoli", &[])));
    for part in ["list", "detail"] {
        assert!(matches!(save(1).await, Ok(Put::Applied(_) | Put::Unchanged)));
        let cut = store.change(move |tables, transaction| {
            let table = if part == "list" { tables.list } else { tables.detail };
            table.put(transaction, &7_u64.to_be_bytes(), b"cut").map_err(|error| tables.failed(&error))?;
            Ok(1)
        });
        assert_eq!(cut.await.unwrap(), 1);
        assert!(matches!(save(1).await, Ok(Put::Applied(_))), "{part}");
        assert!(matches!(store.gather(&[shop_id]).await[0], Ok(Lookup::Found(_))));
        assert!(matches!(store.detail(shop_id).await, Ok(Lookup::Found(_))));
    }
}
