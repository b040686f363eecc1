//! List parts that are damaged where they are stored, as a failing disk or a careless operator would.

use std::path::Path;

use heed::types::Bytes;
use heed::{CommitOrAbort, EnvOpenOptions};
use journey_tests::redis::{self, Answer};
use journey_tests::tables;
use shop_id::ShopId;

/// In the store at an address as it stands in configurations. Nobody else may write it meanwhile.
pub(crate) async fn damage(store: &str, shop_ids: &[ShopId]) {
    for &shop_id in shop_ids {
        if let Some(servers) = store.strip_prefix("redis://") {
            in_redis(servers, shop_id).await;
        } else if store.starts_with("dynamodb://") {
            tables::cut_list_part(store, shop_id).await.unwrap();
        } else {
            in_lmdb(Path::new(store), shop_id);
        }
    }
}

/// On whichever node has it.
async fn in_redis(address: &str, shop_id: ShopId) {
    let (servers, name) = address.split('?').next().unwrap().split_once('/').unwrap();
    let mut damaged = 0;
    for server in servers.split(',') {
        let keys = redis::say(server, &format!("KEYS {{{name}:*}}:list:{shop_id}")).await.unwrap();
        let Answer::List(keys) = keys else { panic!("{keys:?} are no keys") };
        for key in keys {
            let key = key.text();
            // Behind position and envelope stands the archive.
            redis::say(server, &format!("SETRANGE {key} 150 !?!")).await.unwrap();
            damaged += 1;
        }
    }
    assert_eq!(damaged, 1, "list parts of shop {shop_id}");
}

/// Flips a byte.
#[allow(unsafe_code)]
fn in_lmdb(store: &Path, shop_id: ShopId) {
    // SAFETY: the only other process that maps these files just reads them, and only through LMDB.
    let env = unsafe { EnvOpenOptions::new().max_dbs(16).map_size(1 << 28).open(store) }.unwrap();
    let list = env
        .create_databases_and_commit(env.write_txn().unwrap(), |opener, transaction| {
            opener
                .create_database::<Bytes, Bytes>(transaction, Some("list"))
                .map(CommitOrAbort::<_, ()>::Commit)
        })
        .unwrap()
        .unwrap_commit();
    let mut transaction = env.write_txn().unwrap();
    let key = shop_id.get().to_be_bytes();
    let mut bytes = list.get(&transaction, &key).unwrap().unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    list.put(&mut transaction, &key, &bytes).unwrap();
    transaction.commit().unwrap();
}
