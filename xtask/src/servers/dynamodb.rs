//! DynamoDB Local, by a main of our own that listens on loopback alone. For correctness: its latency says nothing of DynamoDB's.

use std::path::Path;
use std::process::Command;

use super::ask;
use super::server::Server;
use super::tools::Tools;

const POM: &str = include_str!("../../servers/dynamodb/pom.xml");
const SUMS: &str = include_str!("../../servers/dynamodb/jars.sha256");
const MAIN: &str = include_str!("../../servers/dynamodb/Main.java");

#[derive(Debug)]
pub(crate) struct DynamoDb;

impl DynamoDb {
    /// What starts it on this port.
    pub(crate) fn command(tools: &Tools, port: &str) -> anyhow::Result<Command> {
        let lib = tools.folder("dynamodb-jars").join("lib");
        let classes = tools.folder("dynamodb").join("classes");
        let mut java = tools.java("512m")?;
        // Its SQLite comes as a native library beside the jars.
        java.arg(format!("-Djava.library.path={}", lib.display()));
        java.arg("--enable-native-access=ALL-UNNAMED");
        java.arg("-cp").arg(format!("{}:{}/*", classes.display(), lib.display()));
        java.args(["Main", port]);
        Ok(java)
    }
}

impl Server for DynamoDb {
    fn name(&self) -> &'static str {
        "dynamodb"
    }

    fn ports(&self) -> usize {
        1
    }

    fn install(&self, tools: &Tools) -> anyhow::Result<()> {
        let lib = tools.jars("dynamodb-jars", POM, SUMS)?;
        tools.made("dynamodb", &format!("{MAIN}{SUMS}"), |folder| {
            let source = folder.join("Main.java");
            std::fs::write(&source, MAIN)?;
            tools.compiled(&source, &lib, &folder.join("classes"))
        })?;
        Ok(())
    }

    fn commands(&self, tools: &Tools, folder: &Path, ports: &[u16]) -> anyhow::Result<Vec<Command>> {
        let mut java = Self::command(tools, &ports[0].to_string())?;
        java.current_dir(folder);
        Ok(vec![java])
    }

    fn ready(&self, ports: &[u16]) -> anyhow::Result<()> {
        // Signed by nobody: it takes any signature that looks like one.
        let request = format!(
            "POST / HTTP/1.0\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/x-amz-json-1.0\r\n\
             x-amz-target: DynamoDB_20120810.ListTables\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=shopfront/20260101/eu-west-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=0\r\ncontent-length: 2\r\n\r\n{{}}",
            ports[0]
        );
        ask::http(ports[0], &request).map(drop)
    }

    fn variables(&self, _tools: &Tools, ports: &[u16]) -> Vec<(&'static str, String)> {
        vec![("SHOPFRONT_TEST_DYNAMODB", format!("http://127.0.0.1:{}", ports[0]))]
    }
}
