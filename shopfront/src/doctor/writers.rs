//! One writer, as the invalidator sees it.

use std::time::Duration;

use shop_id::{Revision, ShopId, Writer};
use writer_api::{RefetchError, WriterClient, WriterReads as _};

use super::{Found, Illness};

pub(super) async fn ask(writer: Writer, url: &str, patience: Duration) -> Found {
    let client = WriterClient::new(writer, url, patience);
    let asked = async {
        let newest = match ShopId::new(1) {
            Some(shop_id) => client.section(shop_id).await?.as_of_sequence,
            None => Revision::ZERO,
        };
        let changes = client.changes(Revision::ZERO, 1).await?;
        Ok::<_, RefetchError>((newest, changes.changes.is_empty()))
    };
    match asked.await {
        Ok((newest, true)) => Ok(format!("answers as of {newest}, and has no shop yet")),
        Ok((newest, false)) => Ok(format!("answers as of {newest}")),
        Err(error) => {
            let fix = format!(
                "start the writer, or correct `writers.{writer}`; its contract: writer-api/CONTRACT.md"
            );
            Err(Illness::new(error, fix))
        }
    }
}
