// Load for a stack, from plan.json beside it; which requests, requests.js says. Written by `groundwork loadtest`; run it in this folder:
//   k6 run loadtest.js
// https://grafana.com/docs/k6/latest/
import exec from "k6/execution";
import http from "k6/http";
import { Counter, Rate } from "k6/metrics";
import ws from "k6/ws";
import { requests, sockets } from "./requests.js";

const plan = JSON.parse(open("./plan.json"));
const elsewhere = new Counter("elsewhere"); // Answers that did not come from the stack.
const blocked = new Rate("blocked"); // Requests that the web ACL refused.
const refused = new Rate("sockets_refused");
const lost = new Rate("sockets_lost"); // Closed before their time.
const UNREACHED = 0;
const REDIRECTS = [301, 302, 303, 307, 308];

export const options = scenarios();

function scenarios() {
  const found = {};
  const thresholds = { elsewhere: [{ threshold: "count<1", abortOnFail: true }], blocked: ["rate<0.01"] };
  for (const [name, service] of Object.entries(plan.services)) {
    found[name] = {
      executor: "ramping-arrival-rate",
      exec: "request",
      env: { SERVICE: name },
      timeUnit: "1m",
      startRate: service.start,
      stages: service.stages,
      preAllocatedVUs: service.users,
      maxVUs: service.most_users,
    };
    const held = `{service:${name},part:held}`;
    // What has a threshold is in the summary by itself.
    thresholds[`http_reqs${held}`] = ["count>=0"];
    thresholds[`http_req_waiting${held}`] = service.thresholds.waiting;
    thresholds[`http_req_failed${held}`] = service.thresholds.failed;
    thresholds[`dropped_iterations{scenario:${name}}`] = ["count>=0"];
  }
  for (const [name, socket] of Object.entries(plan.sockets)) {
    found[`${name}-sockets`] = {
      executor: "ramping-vus",
      exec: "socket",
      env: { SERVICE: name },
      startVUs: 0,
      stages: socket.stages,
      gracefulStop: "15s",
    };
    thresholds.sockets_refused = ["rate<0.01"];
    thresholds.sockets_lost = ["rate<0.01"];
  }
  return {
    scenarios: found,
    thresholds,
    discardResponseBodies: true,
    maxRedirects: 0,
    summaryTrendStats: ["count", "avg", "min", "med", "p(95)", "p(99)", "max"],
    userAgent: "groundwork-loadtest (k6)",
  };
}

export function setup() {
  for (const name of Object.keys(plan.services)) {
    const given = one(requests, name, 0);
    const response = asked(name, given, {});
    if (response.status === UNREACHED) {
      throw new Error(`${plan.services[name].address} does not answer: ${response.error}`);
    }
  }
}

export function request() {
  const name = __ENV.SERVICE;
  const tags = { service: name, part: part() };
  const response = asked(name, one(requests, name, exec.scenario.iterationInTest), tags);
  // What CloudFront answers itself with 403 is the web ACL's doing.
  blocked.add(response.status === 403 && response.headers["Server"] === "CloudFront", tags);
}

export function socket() {
  const name = __ENV.SERVICE;
  const url = plan.sockets[name].address + path(one(sockets, name, 0));
  const due = plan.sockets[name].seconds;
  let open = 0;
  const response = ws.connect(url, { headers: one(sockets, name, 0).headers || {} }, (it) => {
    it.on("open", () => {
      open = Date.now();
      it.setInterval(() => it.ping(), 30000);
      it.setTimeout(() => it.close(), due * 1000);
    });
    it.on("close", () => lost.add(open > 0 && Date.now() - open < due * 900));
  });
  refused.add(!response || response.status !== 101);
  if (response && response.status && !cameBy(response)) {
    away(url);
  }
}

/** Ask, and follow where that leads as long as it is the stack itself. */
function asked(name, given, tags) {
  let url = plan.services[name].address + path(given);
  const parameters = { headers: given.headers || {}, tags, redirects: 0 };
  let response = http.request(given.method || "GET", url, given.body || null, parameters);
  for (let hops = 0; REDIRECTS.includes(response.status) && hops < 5; hops++) {
    url = onward(url, response.headers["Location"] || "");
    if (!own(url)) {
      away(url);
      return response;
    }
    response = http.get(url, parameters);
  }
  if (response.status !== UNREACHED && (!own(response.url) || !cameBy(response))) {
    away(response.url);
  }
  return response;
}

function away(url) {
  elsewhere.add(1);
  exec.test.abort(`${url} is not the stack, or does not answer as it does; it has ${plan.hosts.join(", ")}`);
}

function own(url) {
  const found = /^(https?|wss?):\/\/([^\/?#@\\]+)(?=[\/?#]|$)/.exec(url);
  return found !== null && plan.hosts.includes(found[2].toLowerCase());
}

/** Each answer of CloudFront's bears a header that nobody else's does. */
function cameBy(response) {
  return Object.keys(response.headers).some((name) => name.toLowerCase() === plan.comes_with);
}

function onward(from, to) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(to)) {
    return to;
  }
  const base = /^[a-z]+:\/\/[^\/]+/.exec(from)[0];
  if (to.startsWith("//")) {
    return base.split("//")[0] + to;
  }
  return to.startsWith("/") ? base + to : `${base}/${to}`;
}

function one(given, name, number) {
  const all = given[name];
  const list = Array.isArray(all) ? all : [all];
  if (!all || list.length === 0) {
    throw new Error(`requests.js says nothing of ${name}; give it a list of at least one {path: "/"}`);
  }
  return list[number % list.length];
}

function path(given) {
  if (typeof given.path !== "string" || !given.path.startsWith("/")) {
    throw new Error(`requests.js: the path "${given.path}" does not begin with /`);
  }
  return given.path;
}

/** Whether the load is the one that counts, or on its way there. */
function part() {
  const seconds = (Date.now() - exec.scenario.startTime) / 1000;
  return seconds >= plan.held[0] && seconds <= plan.held[1] ? "held" : "else";
}

export function handleSummary(data) {
  return { "summary.json": JSON.stringify(data, null, 2) };
}
