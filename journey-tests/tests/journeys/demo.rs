//! What a newcomer sees: one command, real shops, a change, a kill, Ctrl-C, and all is there again.

use journey_tests::backends::Named;
use journey_tests::demo::{Demo, lives, shopfront};
use journey_tests::eventually;
use reqwest::Client;
use serde_json::{Value, json};

const PROGRAMS: [&str; 5] = ["shop-writer", "ads-writer", "reviews-writer", "invalidator", "query-server"];
/// The middle of London, where shops stand.
const NEAR: &str = "/v1/shops?lat=51.513&lng=-0.131";

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_real_shops_heals_itself_and_goes_on_where_it_was() {
    let mut demo = Demo::laid_out().unwrap();
    demo.start(&["--shops", "400", "--changes-per-second", "20"]).await.unwrap();
    let client = Client::new();
    let shop_id = shop_to_look_at(&demo.text());
    eventually("a list shows shops", async || {
        let list = json_at(&client, &format!("{}{NEAR}", demo.public())).await?;
        Ok(list["shops"].as_array().filter(|shops| !shops.is_empty()).map(drop))
    })
    .await
    .unwrap();
    let page = client.get(demo.public()).send().await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.text().await.unwrap().contains("<html"));

    rename(&client, &demo, &shop_id, "Seen Once").await;
    arrives(&client, &demo, &shop_id, "Seen Once").await;
    for program in PROGRAMS {
        let before = demo.process_id(program).unwrap().unwrap();
        kill(before);
        eventually(&format!("{program} is started again"), async || {
            Ok(demo.process_id(program)?.filter(|now| *now != before))
        })
        .await
        .unwrap();
    }
    eventually("changes are taken again", async || {
        let url = format!("{}/v1/shops/{shop_id}", demo.shop_writer());
        let answer = client.patch(url).json(&json!({"name": "Seen Again"})).send().await?;
        Ok(answer.status().is_success().then_some(()))
    })
    .await
    .unwrap();
    arrives(&client, &demo, &shop_id, "Seen Again").await;

    let processes = PROGRAMS.map(|program| demo.process_id(program).unwrap().unwrap());
    demo.interrupt().unwrap();
    assert!(processes.iter().all(|process| !lives(*process)), "Ctrl-C stops everything");

    let seen = shopfront(&["inspect", &shop_id, "--json", "--store", demo.store()]).unwrap();
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["document"], "found", "{seen}");
    assert_eq!(seen["sections"][0]["state"], "present", "{seen}");

    demo.start(&["--shops", "450", "--changes-per-second", "0"]).await.unwrap();
    arrives(&client, &demo, &shop_id, "Seen Again").await;
    let added = client.get(format!("{}/v1/shops/450", demo.public())).send().await.unwrap();
    assert_eq!(added.status(), 200, "growing adds shops");
    let refused = demo.run(&["--shops", "450"]).unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("another demo runs in"), "{said}");

    // A demo that is killed takes its children with it.
    let processes = PROGRAMS.map(|program| demo.process_id(program).unwrap().unwrap());
    demo.kill().unwrap();
    eventually("no program outlives its demo", async || {
        Ok(processes.iter().all(|process| !lives(*process)).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_brings_a_data_set_into_the_list_and_twice_changes_nothing() {
    let mut demo = Demo::laid_out().unwrap();
    demo.start(&["--shops", "1", "--changes-per-second", "0"]).await.unwrap();
    let directory = demo.data_dir();
    let (rows, mapping) = (directory.join("cafes.csv"), directory.join("cafes.toml"));
    std::fs::write(
        &rows,
        "id,title,kind,y,x\n17,Blue Door,Coffee shop,53.7997,-1.5492\n18,,Coffee shop,53.8,-1.5\n19,No Place,Coffee shop,,\n",
    )
    .unwrap();
    std::fs::write(
        &mapping,
        r#"generate = ["menu", "opening_hours", "delivery"]
           [source]
           name = "leeds-cafes"
           key = "id"
           [shop]
           name = "title"
           location = { lat = "y", lng = "x" }
           time_zone = { constant = "Europe/London" }
           currency = "GBP"
           categories = { path = "kind", table = { "Coffee shop" = "cafe" }, default = "restaurant" }
        "#,
    )
    .unwrap();
    let import = || {
        let paths = [rows.to_str().unwrap(), mapping.to_str().unwrap()];
        shopfront(&["import", paths[0], "--map", paths[1], "--to", &demo.shop_writer()]).unwrap()
    };
    let first = import();
    assert!(first.contains("1 created") && first.contains("2 bad"), "{first}");
    let again = import();
    assert!(again.contains("0 created, 0 changed, 1 unchanged"), "{again}");
    let client = Client::new();
    let near = format!("{}/v1/shops?lat=53.7997&lng=-1.5492", demo.public());
    eventually("the imported shop is listed", async || {
        let list = json_at(&client, &near).await?;
        let card = &list["shops"][0];
        Ok((card["name"] == "Blue Door" && card["categories"] == json!(["cafe"])).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_demo_whose_programs_refuse_their_configuration_ends_with_their_words() {
    let store = Some("redis://127.0.0.1:1/demo?colour=red".to_owned());
    let demo = Demo::laid_out_over(Named { store, ..Named::by_the_environment() }).unwrap();
    let ended = demo.run(&[]).unwrap();
    assert!(!ended.status.success());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains(".toml:") && said.contains("`colour` is no setting"), "{said}");
}

async fn json_at(client: &Client, url: &str) -> anyhow::Result<Value> {
    Ok(client.get(url).send().await?.error_for_status()?.json().await?)
}

/// Of the line that says what to open.
fn shop_to_look_at(text: &str) -> String {
    let line = text.lines().find(|line| line.trim_start().starts_with("a shop"));
    let shop_id = line.and_then(|line| line.trim_end().rsplit('/').next());
    shop_id
        .filter(|shop_id| !shop_id.is_empty())
        .unwrap_or_else(|| panic!("no shop to look at in {text}"))
        .to_owned()
}

async fn rename(client: &Client, demo: &Demo, shop_id: &str, name: &str) {
    let url = format!("{}/v1/shops/{shop_id}", demo.shop_writer());
    let answer = client.patch(url).json(&json!({"name": name})).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn arrives(client: &Client, demo: &Demo, shop_id: &str, name: &str) {
    let url = format!("{}/v1/shops/{shop_id}", demo.public());
    eventually(&format!("shop {shop_id} is called {name}"), async || {
        Ok((json_at(client, &url).await?["name"] == name).then_some(()))
    })
    .await
    .unwrap();
}

fn kill(process_id: i32) {
    let process = rustix::process::Pid::from_raw(process_id).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
}
