//! `json-server` (npm): filters by equality, names the next page in a `Link` header.

use sluice_tests::city::small::RESOURCE;
use sluice_tests::docked::Server;

use super::city::{city, is_docked, table};

#[test]
fn a_server_of_npm_is_docked_by_its_binding() {
    let city = city();
    let server = Server::json_server(&format!("{{\"people\":{}}}", table(&city)));
    let bindings = format!(
        r#"
[[rest]]
resource = "{RESOURCE}"
base_url = "{}"

[rest.query]
method = "GET"
path = "/people"
query = {{ ID = "{{ID}}", NO = "{{NO}}", _page = "1", _limit = "3" }}
paging = "link"
"#,
        server.url()
    );
    is_docked(&city, server, &bindings);
}
