//! LocalStack without containers: SNS and SQS, and of what deploys and watches them what runs in its own process.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::ask;
use super::dynamodb::DynamoDb;
use super::server::Server;
use super::tools::Tools;

/// All of it, down to the last package: unpinned, its newest dependencies do not go with it.
const LOCK: &str = include_str!("../../servers/sns-sqs/requirements.txt");

/// Keeps it to loopback.
const MAIN: &str = include_str!("../../servers/sns-sqs/main.py");

/// What `deploy/aws/` makes, and what that needs. Each is loaded when first asked for.
const SERVICES: &str = "sns,sqs,cloudformation,iam,cloudwatch,logs,sts,dynamodb";

#[derive(Debug)]
pub(crate) struct SnsSqs;

impl Server for SnsSqs {
    fn name(&self) -> &'static str {
        "sns-sqs"
    }

    fn ports(&self) -> usize {
        1
    }

    fn install(&self, tools: &Tools) -> anyhow::Result<()> {
        // For stacks with tables.
        DynamoDb.install(tools)?;
        tools.python_environment("localstack", LOCK).map(drop)
    }

    fn commands(&self, tools: &Tools, folder: &Path, ports: &[u16]) -> anyhow::Result<Vec<Command>> {
        let python = tools.folder("localstack").join("environment/bin/python");
        let mut localstack = Command::new(python);
        std::fs::write(folder.join("main.py"), MAIN)?;
        localstack.arg(folder.join("main.py")).current_dir(folder);
        localstack.env("GATEWAY_LISTEN", format!("127.0.0.1:{}", ports[0]));
        localstack.env("SERVICES", SERVICES);
        let root = folder.join("root");
        with_tables(tools, &root)?;
        // Nothing of it leaves this machine, and none of it lies outside of its folder, also where the machine is a container.
        for (name, value) in [
            ("FILESYSTEM_ROOT", root.as_path()),
            ("TMPDIR", folder),
            ("OVERRIDE_IN_DOCKER", Path::new("0")),
            ("DISABLE_EVENTS", Path::new("1")),
            ("SKIP_SSL_CERT_DOWNLOAD", Path::new("1")),
            ("DNS_ADDRESS", Path::new("0")),
            ("DYNAMODB_IN_MEMORY", Path::new("1")),
            // Addresses of queues that resolve without a name server.
            ("SQS_ENDPOINT_STRATEGY", Path::new("path")),
        ] {
            localstack.env(name, value);
        }
        localstack.env("LOCALSTACK_HOST", format!("127.0.0.1:{}", ports[0]));
        Ok(vec![localstack])
    }

    fn ready(&self, ports: &[u16]) -> anyhow::Result<()> {
        // Both are loaded by the first question.
        asked(ports[0], "sns", "Action=ListTopics&Version=2010-03-31")?;
        asked(ports[0], "sqs", "Action=ListQueues&Version=2012-11-05")
    }

    fn variables(&self, _tools: &Tools, ports: &[u16]) -> Vec<(&'static str, String)> {
        vec![("SHOPFRONT_TEST_SNS_SQS", format!("http://127.0.0.1:{}", ports[0]))]
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(120)
    }
}

fn asked(port: u16, service: &str, form: &str) -> anyhow::Result<()> {
    let request = format!(
        "POST / HTTP/1.0\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=shopfront/20260101/eu-west-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    ask::http(port, &request).map(drop)
}

/// Where LocalStack looks for a Java and a DynamoDB Local, which it would fetch, it finds ours: what it takes for `java` starts our
/// main, on loopback alone and with its port, and ends it with LocalStack, however that ends.
fn with_tables(tools: &Tools, root: &Path) -> anyhow::Result<()> {
    let libraries = root.join("var/lib/localstack/lib");
    let (java, dynamodb) = (libraries.join("java/21/bin"), libraries.join("dynamodb-local/2"));
    for folder in [&java, &dynamodb] {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(dynamodb.join("DynamoDBLocal.jar"), "")?;
    let ours = DynamoDb::command(tools, "\"$2\"")?;
    let ours: Vec<_> = std::iter::once(ours.get_program()).chain(ours.get_args()).collect();
    let ours: Vec<_> = ours.iter().map(|word| word.to_string_lossy()).collect();
    let script = format!(
        "#!/bin/sh\nwhile [ \"$1\" != -port ]; do shift || exit 1; done\nexec setpriv --pdeathsig KILL {}\n",
        ours.join(" ")
    );
    std::fs::write(java.join("java"), script)?;
    std::fs::set_permissions(java.join("java"), std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
