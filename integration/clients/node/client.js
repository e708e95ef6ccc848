// Calls a Tars echo servant through the unmodified @tars/rpc client, which knows only the locator.
//
//   node client.js --object Demo.EchoRust.EchoObj --calls 1000 [--locator PROXY] [--concurrency N] [--wait SECONDS] [--json]
//
// The exit code is 0 when all calls succeeded, 1 when a call failed, 2 when there is no endpoint or a flag is wrong.
"use strict";

const { parseArgs } = require("node:util");
const { Communicator } = require("@tars/rpc");
const Registry = require("@tars/registry");
const { TarsOutputStream, TarsInputStream } = require("@tars/stream");

const LOCATOR = "tars.tarsregistry.QueryObj@tcp -h tars-tarsregistry -p 17890";

// This is the code that tars2node generates for the interface Echo of examples/echo.tars.
class EchoProxy {
  setTimeout(milliseconds) {
    this._worker.timeout = milliseconds;
  }

  echo(message) {
    const out = new TarsOutputStream();
    out.writeString(1, message);
    return this.#call("echo", out);
  }

  hostname() {
    return this.#call("hostname", new TarsOutputStream());
  }

  async #call(name, out) {
    const { response } = await this._worker.tars_invoke(name, out.getBinBuffer());
    return new TarsInputStream(response.sBuffer).readString(0, true, "");
  }
}

const describeError = (error) => {
  const inner = error?.response?.error ?? error?.error ?? error;
  return inner?.message ?? String(inner);
};

function parseFlags() {
  const { values } = parseArgs({
    options: {
      locator: { type: "string", default: LOCATOR },
      object: { type: "string", default: "Demo.EchoRust.EchoObj" },
      calls: { type: "string", default: "1000" },
      concurrency: { type: "string", default: "1" },
      wait: { type: "string", default: "0" },
      json: { type: "boolean", default: false },
    },
  });
  for (const name of ["calls", "concurrency", "wait"]) {
    values[name] = Number(values[name]);
    if (!Number.isInteger(values[name]) || values[name] < 0) throw new Error(`--${name} must be a whole number, 0 or more`);
  }
  values.concurrency = Math.max(1, values.concurrency);
  return values;
}

// Asks the name service until it knows an active endpoint, or until the wait is over.
async function resolve({ locator, object, wait }) {
  const registry = Registry.New();
  registry.setLocator(locator);
  const until = Date.now() + wait * 1000;
  for (;;) {
    let why = "it knows no active endpoint";
    try {
      const { response } = await registry.findObjectByIdInSameGroup(object);
      const active = response.arguments.activeEp.value ?? response.arguments.activeEp;
      if (active.length > 0) return active.map((e) => `${e.host}:${e.port}`).sort();
    } catch (error) {
      why = describeError(error);
    }
    if (Date.now() >= until) throw new Error(`the name service at "${locator}" gave no endpoint of ${object}: ${why}`);
    await new Promise((done) => setTimeout(done, 250));
  }
}

async function makeCalls(echo, { calls, concurrency }) {
  const latencies = [];
  const answered = {};
  const errors = {};
  let next = 1;
  const worker = async () => {
    while (next <= calls) {
      const n = next++;
      const began = process.hrtime.bigint();
      try {
        // Seven is odd, so a rotation over two servers asks both of them.
        if (n % 7 === 1) {
          const host = await echo.hostname();
          answered[host] = (answered[host] ?? 0) + 1;
        } else if ((await echo.echo(`call ${n}`)) !== `call ${n}`) {
          throw new Error("the server returned another message than the one that was sent");
        }
        latencies.push(Number(process.hrtime.bigint() - began) / 1e6);
      } catch (error) {
        const text = describeError(error);
        errors[text] = (errors[text] ?? 0) + 1;
      }
    }
  };
  const began = process.hrtime.bigint();
  await Promise.all(Array.from({ length: concurrency }, worker));
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.floor(share * (latencies.length - 1))] ?? 0;
  const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
  return { seconds, ok: latencies.length, failed, p50_ms: at(0.5), p99_ms: at(0.99), answered_by: answered, errors };
}

async function main() {
  const options = parseFlags();
  const direct = options.object.includes("@");
  const endpoints = direct ? [] : await resolve(options);
  const communicator = Communicator.New();
  communicator.setProperty("locator", options.locator);
  const echo = communicator.stringToProxy(EchoProxy, options.object);
  echo.setTimeout(3000);
  const report = { object: options.object, active_endpoints: endpoints, ...(await makeCalls(echo, options)) };
  if (options.json) {
    console.log(JSON.stringify(report));
  } else {
    const hosts = Object.entries(report.answered_by).map(([host, count]) => `${host} (${count})`);
    console.log(`${report.object}  through @tars/rpc`);
    console.log(`  endpoints    ${endpoints.join("  ")}`);
    console.log(`  calls        ${report.ok} ok, ${report.failed} failed in ${report.seconds.toFixed(2)} s`);
    console.log(`  latency      p50 ${report.p50_ms.toFixed(2)} ms, p99 ${report.p99_ms.toFixed(2)} ms`);
    console.log(`  answered by  ${hosts.sort().join("  ")}  (every 7th call asks for the host)`);
    for (const [text, count] of Object.entries(report.errors)) console.log(`  error        ${count} x ${text}`);
  }
  return report.failed > 0 || report.ok < options.calls ? 1 : 0;
}

main().then(
  // The client keeps its connections and timers, so the process would not end by itself.
  (code) => process.exit(code),
  (error) => {
    console.error(`client: ${describeError(error)}`);
    process.exit(2);
  },
);
