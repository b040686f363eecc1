use super::*;

fn redis_at(text: &str) -> RedisAddress {
    match StoreAddress::parse(text) {
        Ok(StoreAddress::Redis(address)) => address,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_text_without_scheme_is_a_directory() {
    assert_eq!(StoreAddress::parse("data/store"), Ok(StoreAddress::Lmdb(PathBuf::from("data/store"))));
    assert_eq!(StoreAddress::parse("data/store").unwrap().to_string(), "data/store");
}

#[test]
fn everything_can_be_said_in_one_text() {
    let address = redis_at(
        "rediss://query:p%40ss@a:7001,b,[::1]:7003/shops?cluster=true&shards=12&wait_replicas=1&timeout_ms=250&ca_file=/etc/ca%20file.pem",
    );
    let hosts = [("a", 7001), ("b", 6379), ("::1", 7003)].map(|(host, port)| (host.to_owned(), port));
    assert_eq!(address.hosts, hosts);
    assert_eq!(address.username.as_deref(), Some("query"));
    assert_eq!(address.password.as_ref().map(SecretString::expose_secret), Some("p@ss"));
    assert_eq!((address.name.as_str(), address.shards, address.wait_replicas), ("shops", 12, 1));
    assert!(address.has_tls && address.is_cluster);
    assert_eq!(address.patience, Duration::from_millis(250));
    assert_eq!(address.ca_file.as_deref(), Some(Path::new("/etc/ca file.pem")));
}

#[test]
fn what_is_not_said_is_sensible() {
    let address = redis_at("redis://cache.internal");
    assert_eq!(address.to_string(), "redis://cache.internal:6379/shopfront");
    assert_eq!((address.shards, address.wait_replicas, address.is_cluster), (6, 0, false));
    assert!(address.username.is_none() && address.password.is_none());
}

#[test]
fn who_has_another_password_is_somebody_else() {
    let address = "redis://query:one@a:1/name";
    assert_eq!(redis_at(address), redis_at(address));
    for other in
        ["redis://query:two@a:1/name", "redis://query@a:1/name", "redis://query:one@a:1/name?shards=7"]
    {
        assert_ne!(redis_at(address), redis_at(other), "{other}");
    }
}

#[test]
fn a_password_is_never_shown() {
    let text = "redis://:s3cret@a:1/name";
    let address = StoreAddress::parse(text).unwrap();
    let password = redis_at(text).password;
    for shown in [
        format!("{address}"),
        format!("{address:?}"),
        format!("{:?}", redis_at(text)),
        format!("{password:?}"),
    ] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    for wrong in [
        "redis://u:s3cret@a:port/name",
        "mysql://u:s3cret@a/name",
        "redis://u:s3cret@a/na me",
        "redis://u:s3cret?s3cret@a/name",
    ] {
        let refused = StoreAddress::parse(wrong).unwrap_err();
        assert!(!refused.contains("s3cret") && refused.contains("(hidden)"), "{refused}");
    }
}

#[test]
fn nonsense_is_refused_with_the_expected_form() {
    for (given, expected) in [
        ("", "expected a directory or `redis://host:port/name`"),
        ("mongodb://a/b", "expected a directory, `redis://host:port/name`"),
        ("redis:///name", "`` is no server, expected `host:port`"),
        ("redis://a:seven/name", "`a:seven` is no server"),
        ("redis://a,/name", "`` is no server"),
        ("redis://a/{tag}", "`{tag}` is no name"),
        ("redis://a/b?shards=0", "`shards=0`: expected 1 to 256"),
        ("redis://a/b?cluster=yes", "`cluster=yes`: expected `true` or `false`"),
        ("redis://a/b?clustr=true", "`clustr` is no setting, expected `cluster`"),
        ("dynamodb://eu_west/shops", "`eu_west` is no region, expected one like `eu-west-1`"),
        ("dynamodb://eu-west-1", "`` is no table, expected 3 to 255"),
        ("dynamodb://eu-west-1/shops#1", "`shops#1` is no table"),
        (
            "dynamodb://eu-west-1/shops?endpoint=127.0.0.1:8000",
            "expected `http://host:port` or `https://host`",
        ),
        ("dynamodb://eu-west-1/shops?shards=65", "`shards=65`: expected 1 to 64"),
        ("dynamodb://eu-west-1/shops?poll_min_ms=300", "`poll_min_ms=300` is above `poll_max_ms=250`"),
        ("dynamodb://eu-west-1/shops?creat=true", "`creat` is no setting, expected `endpoint`, `create`"),
        ("redis://a/b?ca_file=/x", "`ca_file` is for `rediss://`"),
    ] {
        let refused = StoreAddress::parse(given).unwrap_err();
        assert!(refused.contains(expected), "{given}: {refused}");
    }
}

#[test]
fn a_password_comes_from_a_file_without_its_line_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let address = StoreAddress::parse("redis://query@a/b").unwrap();
    let StoreAddress::Redis(with) = address.clone().with_password_file(Some(file.path())).unwrap() else {
        panic!("still Redis")
    };
    assert_eq!(with.password.as_ref().map(SecretString::expose_secret), Some("s3cret"));
    assert_eq!(address.clone().with_password_file(None).unwrap(), address);
    std::fs::write(file.path(), "\n").unwrap();
    let refused = address.with_password_file(Some(file.path())).unwrap_err();
    assert!(refused.to_string().ends_with("is empty"), "{refused}");
    let refused =
        StoreAddress::from(PathBuf::from("data/store")).with_password_file(Some(file.path())).unwrap_err();
    assert!(refused.to_string().contains("leave out `store_password_file`"), "{refused}");
}

#[test]
fn a_table_and_all_that_is_to_be_said_of_it_are_one_text() {
    let parse = |text: &str| match StoreAddress::parse(text) {
        Ok(StoreAddress::DynamoDb(address)) => address,
        other => panic!("{text}: {other:?}"),
    };
    let address = parse(
        "dynamodb://eu-west-1/shop_front.2?endpoint=http://127.0.0.1:8000&create=true&shards=16&timeout_ms=250&poll_min_ms=5&poll_max_ms=100",
    );
    assert_eq!((address.region.as_str(), address.table.as_str()), ("eu-west-1", "shop_front.2"));
    assert_eq!(address.to_string(), "dynamodb://eu-west-1/shop_front.2?endpoint=http://127.0.0.1:8000");
    assert_eq!((address.creates, address.shards, address.is_local()), (true, 16, true));
    let times = [address.patience, address.poll_min, address.poll_max].map(|time| time.as_millis());
    assert_eq!(times, [250, 5, 100]);
    let address = parse("dynamodb://eu-west-1/shopfront");
    assert_eq!((address.creates, address.shards, address.is_local()), (false, 8, false));
    let vpc =
        parse("dynamodb://eu-west-1/shopfront?endpoint=https://vpce-1.dynamodb.eu-west-1.vpce.amazonaws.com");
    assert!(!vpc.is_local(), "a VPC endpoint wants real credentials");
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = StoreAddress::DynamoDb(address).with_password_file(Some(file.path())).unwrap_err();
    assert!(refused.to_string().contains("AWS credentials"), "{refused}");
}
