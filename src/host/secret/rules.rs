//! The table of tokens: how each issuer's begin and go on, after what the issuer documents. One table for redaction and scans.
//!
//! Prefixes and lengths are those that the issuers publish; where an issuer gives a range, the shortest counts. What is known by
//! its surroundings and not by how it begins is in `form` and `assigned`.

use std::ops::Range;

use crate::host::secret::class::{
    based, capital, digit, dotted, hex, is_inside_word, joined, lined, lower, padded, plain, word as word_end,
};

/// Who issues tokens, where their form is documented, and how they look.
#[derive(Debug)]
pub struct Issuer {
    /// The name that a finding shows.
    pub kind: &'static str,
    /// Where the issuer tells how its tokens look.
    pub source: &'static str,
    forms: &'static [Form],
}

/// A token that is known by how it begins.
#[derive(Debug)]
struct Form {
    prefix: &'static str,
    parts: &'static [Part],
    place: Place,
}

/// Where a prefix may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Anywhere,
    /// The prefix is so short that it must stand at the start of a word.
    AtWord,
}

/// What follows the prefix, piece by piece; each takes as much as it can.
#[derive(Debug)]
enum Part {
    /// So many bytes of a kind, or more.
    Least(fn(u8) -> bool, usize),
    /// Exactly so many.
    Exactly(fn(u8) -> bool, usize),
    /// These bytes.
    Text(&'static str),
}

use Part::{Exactly, Least, Text};

const fn issuer(kind: &'static str, source: &'static str, forms: &'static [Form]) -> Issuer {
    Issuer { kind, source, forms }
}

const fn form(prefix: &'static str, parts: &'static [Part]) -> Form {
    Form { prefix, parts, place: Place::Anywhere }
}

const fn word(prefix: &'static str, parts: &'static [Part]) -> Form {
    Form { prefix, parts, place: Place::AtWord }
}

const UUID: &[Part] = &[
    Exactly(hex, 8),
    Text("-"),
    Exactly(hex, 4),
    Text("-"),
    Exactly(hex, 4),
    Text("-"),
    Exactly(hex, 4),
    Text("-"),
    Least(hex, 12),
];

/// All issuers, by name.
pub(super) const ISSUERS: &[Issuer] = &[
    issuer(
        "1password",
        "https://developer.1password.com/docs/service-accounts/security",
        &[
            form("ops_eyJ", &[Least(based, 100)]),
            word(
                "A3-",
                &[
                    Exactly(capital, 6),
                    Text("-"),
                    Least(capital, 6),
                    Text("-"),
                    Exactly(capital, 5),
                    Text("-"),
                    Least(one_password, 11),
                ],
            ),
        ],
    ),
    issuer(
        "adobe",
        "https://developer.adobe.com/developer-console/docs/guides/credentials",
        &[word("p8e-", &[Least(lined, 32)])],
    ),
    issuer("age", "https://github.com/C2SP/C2SP/blob/main/age.md", &[form("AGE-SECRET-KEY-1", &[Least(capital, 50)])]),
    issuer(
        "airtable",
        "https://airtable.com/developers/web/guides/personal-access-tokens",
        &[word("pat", &[Exactly(plain, 14), Text("."), Least(hex, 64)])],
    ),
    issuer(
        "alibaba",
        "https://www.alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair",
        &[word("LTAI", &[Least(plain, 12)])],
    ),
    issuer(
        "anthropic",
        "https://docs.anthropic.com/en/api/admin-api/apikeys/get-api-key",
        &[form("sk-ant-", &[Least(lined, 16)])],
    ),
    issuer(
        "artifactory",
        "https://jfrog.com/help/r/jfrog-platform-administration-documentation/access-tokens",
        &[word("AKCp", &[Least(plain, 69)]), word("cmVmd", &[Least(plain, 59)])],
    ),
    issuer(
        "atlassian",
        "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account",
        &[word("ATATT3", &[Least(padded, 60)]), word("ATCTT3", &[Least(padded, 60)]), word("ATBB", &[Least(plain, 32)])],
    ),
    issuer(
        "aws",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
        &[
            word("AKIA", &[Least(capital, 16)]),
            word("ASIA", &[Least(capital, 16)]),
            word("ABIA", &[Least(capital, 16)]),
            word("ACCA", &[Least(capital, 16)]),
            word("A3T", &[Least(capital, 17)]),
            word("ABSK", &[Least(based, 100)]),
            form("bedrock-api-key-", &[Least(based, 30)]),
        ],
    ),
    issuer("beamer", "https://www.getbeamer.com/api", &[word("b_", &[Least(padded, 44)])]),
    issuer("buildkite", "https://buildkite.com/docs/platform/security/tokens", &[word("bkua_", &[Least(hex, 40)])]),
    issuer(
        "circleci",
        "https://circleci.com/docs/managing-api-tokens",
        &[form("CCIPAT_", &[Least(lined, 40)]), form("CCIPRJ_", &[Least(lined, 40)])],
    ),
    issuer("clickhouse", "https://clickhouse.com/docs/cloud/manage/openapi", &[word("4b1d", &[Exactly(plain, 38)])]),
    issuer(
        "clojars",
        "https://github.com/clojars/clojars-web/wiki/Deploy-Tokens",
        &[form("CLOJARS_", &[Least(plain, 60)]), form("clojars_", &[Least(plain, 60)])],
    ),
    issuer(
        "cloudflare",
        "https://developers.cloudflare.com/fundamentals/api/get-started/ca-keys",
        &[word("v1.0-", &[Exactly(hex, 24), Text("-"), Least(hex, 146)])],
    ),
    issuer(
        "contentful",
        "https://www.contentful.com/developers/docs/references/authentication",
        &[word("CFPAT-", &[Least(lined, 43)])],
    ),
    issuer(
        "crates.io",
        "https://github.com/rust-lang/crates.io/blob/main/crates/crates_io_database/src/models/token.rs",
        &[word("cio", &[Least(plain, 32)])],
    ),
    issuer("databricks", "https://docs.databricks.com/aws/en/dev-tools/auth/pat", &[word("dapi", &[Least(hex, 32)])]),
    issuer("defined", "https://docs.defined.net/guides/automating-host-creation", &[word("dnkey-", &[Least(padded, 60)])]),
    issuer(
        "digitalocean",
        "https://docs.digitalocean.com/reference/api/create-personal-access-token",
        &[word("doo_v1_", &[Least(hex, 64)]), word("dop_v1_", &[Least(hex, 64)]), word("dor_v1_", &[Least(hex, 64)])],
    ),
    issuer(
        "discord",
        "https://discord.com/developers/docs/resources/webhook",
        &[form("discord.com/api/webhooks/", &[Least(digit, 15), Text("/"), Least(lined, 40)])],
    ),
    issuer(
        "docker",
        "https://docs.docker.com/security/access-tokens",
        &[word("dckr_pat_", &[Least(lined, 27)]), word("dckr_oat_", &[Least(lined, 27)])],
    ),
    issuer(
        "doppler",
        "https://docs.doppler.com/reference/auth-token-formats",
        &[
            word("dp.pt.", &[Least(plain, 40)]),
            word("dp.st.", &[Least(dotted, 40)]),
            word("dp.sa.", &[Least(plain, 40)]),
            word("dp.ct.", &[Least(plain, 40)]),
            word("dp.scim.", &[Least(plain, 40)]),
            word("dp.audit.", &[Least(plain, 40)]),
        ],
    ),
    issuer(
        "dropbox",
        "https://www.dropbox.com/developers/documentation/http/documentation",
        &[word("sl.", &[Least(padded, 120)])],
    ),
    issuer(
        "duffel",
        "https://duffel.com/docs/api/overview/authentication",
        &[word("duffel_test_", &[Least(padded, 40)]), word("duffel_live_", &[Least(padded, 40)])],
    ),
    issuer(
        "dynatrace",
        "https://docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients/access-tokens",
        &[word("dt0c01.", &[Exactly(plain, 24), Text("."), Least(plain, 64)]), word("dt0s01.", &[Least(dotted, 80)])],
    ),
    issuer(
        "easypost",
        "https://docs.easypost.com/guides/api-keys-guide",
        &[word("EZAK", &[Least(plain, 54)]), word("EZTK", &[Least(plain, 54)])],
    ),
    issuer(
        "facebook",
        "https://developers.facebook.com/docs/facebook-login/guides/access-tokens",
        &[word("EAA", &[Least(plain, 100)])],
    ),
    issuer("figma", "https://www.figma.com/developers/api#access-tokens", &[word("figd_", &[Least(lined, 38)])]),
    issuer(
        "flutterwave",
        "https://developer.flutterwave.com/docs/authentication",
        &[
            word("FLWSECK_TEST-", &[Least(lined, 12)]),
            word("FLWSECK-", &[Least(lined, 12)]),
            word("FLWPUBK_TEST-", &[Least(lined, 32)]),
        ],
    ),
    issuer(
        "fly.io",
        "https://fly.io/docs/security/tokens",
        &[
            word("fo1_", &[Least(lined, 43)]),
            word("fm1r_", &[Least(based, 100)]),
            word("fm1a_", &[Least(based, 100)]),
            word("fm2_", &[Least(based, 100)]),
        ],
    ),
    issuer("frame.io", "https://developer.frame.io/docs/getting-started/authentication", &[word("fio-u-", &[Least(padded, 60)])]),
    issuer(
        "github",
        "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github",
        &[
            form("github_pat_", &[Least(lined, 30)]),
            form("ghp_", &[Least(plain, 30)]),
            form("gho_", &[Least(plain, 30)]),
            form("ghu_", &[Least(plain, 30)]),
            form("ghs_", &[Least(plain, 30)]),
            form("ghr_", &[Least(plain, 30)]),
        ],
    ),
    issuer(
        "gitlab",
        "https://docs.gitlab.com/security/tokens/#token-prefixes",
        &[
            form("glpat-", &[Least(dotted, 20)]),
            form("gldt-", &[Least(dotted, 20)]),
            form("glrt-", &[Least(dotted, 20)]),
            form("glrtr-", &[Least(dotted, 20)]),
            form("glptt-", &[Least(dotted, 20)]),
            form("glcbt-", &[Least(dotted, 20)]),
            form("glffct-", &[Least(dotted, 20)]),
            form("glft-", &[Least(dotted, 20)]),
            form("glimt-", &[Least(dotted, 20)]),
            form("glagent-", &[Least(dotted, 20)]),
            form("gloas-", &[Least(dotted, 20)]),
            form("glsoat-", &[Least(dotted, 20)]),
            form("glwt-", &[Least(dotted, 20)]),
            form("GR1348941", &[Least(lined, 20)]),
            form("_gitlab_session=", &[Least(plain, 32)]),
        ],
    ),
    issuer(
        "gocardless",
        "https://developer.gocardless.com/getting-started/api/making-your-first-request",
        &[word("live_", &[Least(padded, 40)])],
    ),
    issuer(
        "google",
        "https://cloud.google.com/docs/authentication/api-keys",
        &[
            form("AIza", &[Least(lined, 35)]),
            form("GOCSPX-", &[Least(lined, 20)]),
            word("ya29.", &[Least(dotted, 20)]),
            word("1//0", &[Least(lined, 40)]),
        ],
    ),
    issuer(
        "grafana",
        "https://grafana.com/docs/grafana/latest/administration/service-accounts",
        &[
            word("glc_", &[Least(based, 32)]),
            word("glsa_", &[Least(plain, 32), Text("_"), Least(hex, 8)]),
            word("eyJrIjoi", &[Least(based, 40)]),
        ],
    ),
    issuer("groq", "https://console.groq.com/docs/quickstart", &[word("gsk_", &[Least(plain, 40)])]),
    issuer(
        "harness",
        "https://developer.harness.io/docs/platform/automation/api/add-and-manage-api-keys",
        &[
            word("pat.", &[Exactly(lined, 22), Text("."), Exactly(plain, 24), Text("."), Least(plain, 20)]),
            word("sat.", &[Exactly(lined, 22), Text("."), Exactly(plain, 24), Text("."), Least(plain, 20)]),
        ],
    ),
    issuer(
        "heroku",
        "https://devcenter.heroku.com/articles/platform-api-reference#authentication",
        &[word("HRKU-", &[Least(lined, 36)])],
    ),
    issuer(
        "hubspot",
        "https://developers.hubspot.com/docs/guides/apps/private-apps/overview",
        &[word("pat-na1-", UUID), word("pat-na2-", UUID), word("pat-eu1-", UUID)],
    ),
    issuer(
        "huggingface",
        "https://huggingface.co/docs/hub/security-tokens",
        &[word("hf_", &[Least(plain, 30)]), word("api_org_", &[Least(plain, 34)])],
    ),
    issuer("infracost", "https://www.infracost.io/docs/features/environment_variables", &[word("ico-", &[Least(plain, 32)])]),
    issuer(
        "intra42",
        "https://api.intra.42.fr/apidoc/guides/getting_started",
        &[word("s-s4t2ud-", &[Least(hex, 64)]), word("s-s4t2af-", &[Least(hex, 64)])],
    ),
    issuer(
        "langchain",
        "https://docs.smith.langchain.com/administration/how_to_guides/organization_management/create_account_api_key",
        &[word("lsv2_pt_", &[Least(lined, 32)]), word("lsv2_sk_", &[Least(lined, 32)])],
    ),
    issuer(
        "linear",
        "https://linear.app/developers/graphql",
        &[word("lin_api_", &[Least(plain, 32)]), word("lin_oauth_", &[Least(plain, 32)])],
    ),
    issuer(
        "lob",
        "https://docs.lob.com",
        &[
            word("live_", &[Least(hex, 35)]),
            word("test_", &[Least(hex, 35)]),
            word("live_pub_", &[Least(hex, 31)]),
            word("test_pub_", &[Least(hex, 31)]),
        ],
    ),
    issuer(
        "mailgun",
        "https://documentation.mailgun.com/docs/mailgun/user-manual/api-key-mgmt/api-keys",
        &[word("key-", &[Least(hex, 32)]), word("pubkey-", &[Least(hex, 32)])],
    ),
    issuer("mapbox", "https://docs.mapbox.com/help/dive-deeper/access-tokens", &[word("sk.eyJ", &[Least(dotted, 60)])]),
    issuer("neon", "https://neon.com/docs/manage/api-keys", &[word("napi_", &[Least(plain, 60)])]),
    issuer("netlify", "https://docs.netlify.com/api/get-started/#authentication", &[word("nfp_", &[Least(plain, 36)])]),
    issuer(
        "newrelic",
        "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys",
        &[
            word("NRAK-", &[Least(plain, 27)]),
            word("NRII-", &[Least(lined, 32)]),
            word("NRJS-", &[Least(hex, 19)]),
            word("NRRA-", &[Least(hex, 42)]),
        ],
    ),
    issuer(
        "notion",
        "https://developers.notion.com/reference/authentication",
        &[word("ntn_", &[Least(plain, 40)]), word("secret_", &[Least(plain, 43)])],
    ),
    issuer("npm", "https://docs.npmjs.com/about-access-tokens", &[form("npm_", &[Least(plain, 36)])]),
    issuer("nuget", "https://learn.microsoft.com/nuget/nuget-org/scoped-api-keys", &[word("oy2", &[Least(lower, 43)])]),
    issuer(
        "octopus",
        "https://octopus.com/docs/octopus-rest-api/how-to-create-an-api-key",
        &[word("API-", &[Least(capital, 26)])],
    ),
    issuer("openai", "https://platform.openai.com/docs/api-reference/authentication", &[word("sk-", &[Least(lined, 20)])]),
    issuer(
        "openshift",
        "https://docs.openshift.com/container-platform/latest/authentication/managing-oauth-access-tokens.html",
        &[word("sha256~", &[Least(lined, 43)])],
    ),
    issuer("perplexity", "https://docs.perplexity.ai/guides/getting-started", &[word("pplx-", &[Least(plain, 40)])]),
    issuer("pinecone", "https://docs.pinecone.io/guides/projects/manage-api-keys", &[word("pcsk_", &[Least(lined, 40)])]),
    issuer(
        "plaid",
        "https://plaid.com/docs/api/tokens",
        &[word("access-sandbox-", UUID), word("access-development-", UUID), word("access-production-", UUID)],
    ),
    issuer(
        "planetscale",
        "https://planetscale.com/docs/concepts/planetscale-api-oauth-applications",
        &[
            word("pscale_tkn_", &[Least(points, 32)]),
            word("pscale_oauth_", &[Least(points, 32)]),
            word("pscale_pw_", &[Least(points, 32)]),
        ],
    ),
    issuer(
        "postman",
        "https://learning.postman.com/docs/developer/postman-api/authentication",
        &[word("PMAK-", &[Exactly(hex, 24), Text("-"), Least(hex, 34)])],
    ),
    issuer(
        "prefect",
        "https://docs.prefect.io/v3/how-to-guides/cloud/manage-users/api-keys",
        &[word("pnu_", &[Least(plain, 36)]), word("pnb_", &[Least(plain, 36)])],
    ),
    issuer(
        "pulumi",
        "https://www.pulumi.com/docs/administration/access-identity/access-tokens",
        &[word("pul-", &[Least(hex, 40)])],
    ),
    issuer("pypi", "https://pypi.org/help/#apitoken", &[form("pypi-AgE", &[Least(lined, 40)])]),
    issuer("readme", "https://docs.readme.com/main/reference/intro/authentication", &[word("rdme_", &[Least(lower, 70)])]),
    issuer("replicate", "https://replicate.com/docs/topics/security/api-tokens", &[word("r8_", &[Least(plain, 37)])]),
    issuer("rubygems", "https://guides.rubygems.org/api-key-scopes", &[word("rubygems_", &[Least(hex, 48)])]),
    issuer("scalingo", "https://developers.scalingo.com/tokens", &[word("tk-us-", &[Least(lined, 48)])]),
    issuer(
        "sendgrid",
        "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
        &[word("SG.", &[Least(points, 60)])],
    ),
    issuer(
        "brevo",
        "https://developers.brevo.com/docs/getting-started",
        &[
            word("xkeysib-", &[Exactly(hex, 64), Text("-"), Least(plain, 16)]),
            word("xsmtpsib-", &[Exactly(hex, 64), Text("-"), Least(plain, 16)]),
        ],
    ),
    issuer(
        "sentry",
        "https://docs.sentry.io/account/auth-tokens",
        &[word("sntrys_", &[Least(joined, 40)]), word("sntryu_", &[Least(hex, 64)])],
    ),
    issuer(
        "settlemint",
        "https://console.settlemint.com/documentation/platform-components/security-and-authentication/application-access-tokens",
        &[word("sm_aat_", &[Least(plain, 16)]), word("sm_pat_", &[Least(plain, 16)]), word("sm_sat_", &[Least(plain, 16)])],
    ),
    issuer(
        "shippo",
        "https://docs.goshippo.com/docs/guides_general/authentication",
        &[word("shippo_live_", &[Least(hex, 40)]), word("shippo_test_", &[Least(hex, 40)])],
    ),
    issuer(
        "shopify",
        "https://shopify.dev/changelog/app-secret-key-length-has-increased",
        &[
            form("shpat_", &[Least(hex, 32)]),
            form("shpca_", &[Least(hex, 32)]),
            form("shppa_", &[Least(hex, 32)]),
            form("shpss_", &[Least(hex, 32)]),
        ],
    ),
    issuer(
        "slack",
        "https://api.slack.com/concepts/token-types",
        &[
            form("xoxa-", &[Least(lined, 10)]),
            form("xoxb-", &[Least(lined, 10)]),
            form("xoxe-", &[Least(lined, 10)]),
            form("xoxe.xox", &[Least(lined, 20)]),
            form("xoxo-", &[Least(lined, 10)]),
            form("xoxp-", &[Least(lined, 10)]),
            form("xoxr-", &[Least(lined, 10)]),
            form("xoxs-", &[Least(lined, 10)]),
            word("xapp-", &[Least(lined, 10)]),
            form("hooks.slack.com/services/", &[Least(based, 20)]),
            form("hooks.slack.com/workflows/", &[Least(based, 20)]),
            form("hooks.slack.com/triggers/", &[Least(based, 20)]),
        ],
    ),
    issuer(
        "sonarqube",
        "https://docs.sonarsource.com/sonarqube-server/latest/user-guide/managing-tokens",
        &[word("squ_", &[Least(hex, 40)]), word("sqp_", &[Least(hex, 40)]), word("sqa_", &[Least(hex, 40)])],
    ),
    issuer(
        "sourcegraph",
        "https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token",
        &[word("sgp_", &[Least(joined, 40)])],
    ),
    issuer(
        "square",
        "https://developer.squareup.com/docs/build-basics/access-tokens",
        &[word("EAAA", &[Least(lined, 22)]), word("sq0atp-", &[Least(lined, 22)]), word("sq0csp-", &[Least(lined, 43)])],
    ),
    issuer(
        "stripe",
        "https://docs.stripe.com/keys",
        &[
            form("sk_live_", &[Least(plain, 16)]),
            form("sk_test_", &[Least(plain, 16)]),
            form("sk_prod_", &[Least(plain, 16)]),
            form("rk_live_", &[Least(plain, 16)]),
            form("rk_test_", &[Least(plain, 16)]),
            form("rk_prod_", &[Least(plain, 16)]),
            word("whsec_", &[Least(based, 24)]),
        ],
    ),
    issuer(
        "supabase",
        "https://supabase.com/docs/guides/api/api-keys",
        &[word("sbp_", &[Least(hex, 40)]), word("sb_secret_", &[Least(lined, 30)])],
    ),
    issuer("tailscale", "https://tailscale.com/kb/1277/key-prefixes", &[word("tskey-", &[Least(lined, 30)])]),
    issuer(
        "teams",
        "https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook",
        &[form(".webhook.office.com/webhookb2/", &[Least(hooked, 60)])],
    ),
    issuer("twilio", "https://www.twilio.com/docs/iam/api-keys", &[word("SK", &[Least(hex, 32)])]),
    issuer(
        "typeform",
        "https://www.typeform.com/developers/get-started/personal-access-token",
        &[word("tfp_", &[Least(points, 40)])],
    ),
    issuer(
        "vault",
        "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes",
        &[
            word("hvs.", &[Least(lined, 24)]),
            word("hvb.", &[Least(lined, 100)]),
            word("hvr.", &[Least(lined, 24)]),
            word("s.", &[Exactly(plain, 24)]),
        ],
    ),
    issuer("xai", "https://docs.x.ai/docs/tutorial", &[word("xai-", &[Least(plain, 60)])]),
    issuer(
        "yandex",
        "https://yandex.cloud/en/docs/iam/concepts/authorization/api-key",
        &[word("AQVN", &[Least(lined, 35)]), word("YC", &[Exactly(lined, 38)]), word("t1.", &[Least(points, 80)])],
    ),
];

const fn one_password(byte: u8) -> bool {
    capital(byte) || byte == b'-'
}

const fn points(byte: u8) -> bool {
    dotted(byte) || byte == b'='
}

const fn hooked(byte: u8) -> bool {
    lined(byte) || matches!(byte, b'@' | b'/')
}

/// Who issues tokens that are known here.
pub fn issuers() -> impl Iterator<Item = &'static Issuer> {
    ISSUERS.iter()
}

impl Issuer {
    /// What its tokens begin with.
    pub fn prefixes(&self) -> impl Iterator<Item = &'static str> {
        self.forms.iter().map(|form| form.prefix)
    }
}

/// How many forms there are.
const COUNT: usize = count();

const fn count() -> usize {
    let (mut all, mut at) = (0, 0);
    while at < ISSUERS.len() {
        all += ISSUERS[at].forms.len();
        at += 1;
    }
    all
}

/// Each form by its issuer and its number there, those with the same first byte together, and longer prefixes first.
const ORDER: [(u8, u8); COUNT] = order();

const fn at(place: (u8, u8)) -> &'static Form {
    &ISSUERS[place.0 as usize].forms[place.1 as usize]
}

const fn goes_before(left: (u8, u8), right: (u8, u8)) -> bool {
    let (left, right) = (at(left).prefix.as_bytes(), at(right).prefix.as_bytes());
    left[0] < right[0] || (left[0] == right[0] && left.len() > right.len())
}

#[expect(clippy::cast_possible_truncation, reason = "there are fewer than 256 of either")]
const fn order() -> [(u8, u8); COUNT] {
    let mut found = [(0, 0); COUNT];
    let (mut filled, mut issuer) = (0, 0);
    while issuer < ISSUERS.len() {
        let mut number = 0;
        while number < ISSUERS[issuer].forms.len() {
            let own = (issuer as u8, number as u8);
            let mut place = filled;
            while place > 0 && goes_before(own, found[place - 1]) {
                found[place] = found[place - 1];
                place -= 1;
            }
            found[place] = own;
            filled += 1;
            number += 1;
        }
        issuer += 1;
    }
    found
}

/// Where in [`ORDER`] those begin and end that start with a byte.
const STARTING: [(u8, u8); 256] = starting();

#[expect(clippy::cast_possible_truncation, reason = "there are fewer than 256 forms")]
const fn starting() -> [(u8, u8); 256] {
    let (mut found, mut place) = ([(0, 0); 256], 0);
    while place < COUNT {
        let first = at(ORDER[place]).prefix.as_bytes()[0] as usize;
        if found[first].1 == 0 {
            found[first].0 = place as u8;
        }
        place += 1;
        found[first].1 = place as u8;
    }
    found
}

/// The forms that begin with a byte, with their issuers.
fn starting_with(byte: u8) -> impl Iterator<Item = (&'static str, &'static Form)> {
    let (start, end) = STARTING[usize::from(byte)];
    ORDER[usize::from(start)..usize::from(end)].iter().map(|&place| (ISSUERS[usize::from(place.0)].kind, at(place)))
}

/// The token of the table that begins at `at`.
pub(super) fn token(text: &[u8], edge: usize, at: usize) -> Option<(&'static str, Range<usize>)> {
    starting_with(*text.get(at)?).find_map(|(kind, form)| Some((kind, at..form.end(text, edge, at)?)))
}

impl Form {
    /// Where the token that begins at `at` ends, if one does.
    fn end(&self, text: &[u8], edge: usize, at: usize) -> Option<usize> {
        // The first byte is known to be the same; the second one rules most out.
        let prefix = self.prefix.as_bytes();
        if text.get(at + 1) != prefix.get(1) || !text[at..].starts_with(prefix) {
            return None;
        }
        if self.place == Place::AtWord && is_inside_word(&text[edge..at]) {
            return None;
        }
        let start = at + self.prefix.len();
        let mut end = start;
        for part in self.parts {
            end = match *part {
                Least(class, least) => Some(word_end(text, end, class)).filter(|&reached| reached - end >= least)?,
                Exactly(class, count) => {
                    let stop = end + count;
                    text.get(end..stop)?.iter().all(|&byte| class(byte)).then_some(stop)?
                }
                Text(words) => text[end..].starts_with(words.as_bytes()).then_some(end + words.len())?,
            };
        }
        // So short a prefix begins many a name: a dash before it makes it part of a longer one.
        let named = self.prefix == "sk-" && (text[edge..at].last() == Some(&b'-') || !has_digit_and_capital(&text[start..end]));
        let goes_on = matches!(self.parts.last(), Some(Exactly(class, _)) if text.get(end).copied().is_some_and(class));
        (!named && !goes_on).then_some(end)
    }
}

fn has_digit_and_capital(body: &[u8]) -> bool {
    body.iter().any(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_uppercase)
}

/// Three bytes that something may begin with, as a set: each stands for a bit, and a few share one. What is not in it is stepped
/// over at once.
#[derive(Clone)]
pub(super) struct Beginnings(Box<[u64; 1024]>);

impl Beginnings {
    /// Those of the table.
    pub(super) fn of_tokens() -> Self {
        Self(Box::new(BEGINNINGS))
    }

    /// Adds what begins with `bytes`, of which at most three count.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        match *bytes {
            [] => {}
            // All bits of a first byte, and all that a third byte can make of a second, stand together.
            [first] => self.0[usize::from(first) << 2..][..4].fill(u64::MAX),
            [first, second] => (0..0x20).for_each(|third| self.add(&[first, second, third])),
            [first, second, third, ..] => {
                let bit = bit(first, second, third);
                self.0[bit >> 6] |= 1 << (bit & 63);
            }
        }
    }

    /// Whether something may begin with these three bytes.
    pub(super) fn hold(&self, three: [u8; 3]) -> bool {
        let bit = bit(three[0], three[1], three[2]);
        self.0[bit >> 6] >> (bit & 63) & 1 == 1
    }
}

const fn bit(first: u8, second: u8, third: u8) -> usize {
    (first as usize) << 8 | (second ^ (third & 0x1f)) as usize
}

const BEGINNINGS: [u64; 1024] = beginnings();

const fn beginnings() -> [u64; 1024] {
    let (mut set, mut place) = ([0; 1024], 0);
    while place < COUNT {
        let prefix = at(ORDER[place]).prefix.as_bytes();
        // After a prefix of two bytes any third may come.
        let (mut third, last) = if prefix.len() > 2 { (prefix[2], prefix[2]) } else { (0, 0x1f) };
        while third <= last {
            let bit = bit(prefix[0], prefix[1], third);
            set[bit >> 6] |= 1 << (bit & 63);
            third += 1;
        }
        place += 1;
    }
    set
}
