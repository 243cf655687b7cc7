// A page without a framework, so that the example stays small; a build of React is put into the bucket in the same way.
const page = document.querySelector("#page");

function element(name, text, children = []) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
}

async function order(product) {
  const email = prompt("Your e-mail address");
  if (!email) return;
  const answer = await fetch("/api/orders", {
    method: "POST",
    body: JSON.stringify({ product: product.id, quantity: 1, email }),
  });
  const said = await answer.json();
  alert(answer.ok ? `Order ${said.order} is placed.` : said.error);
  await show();
}

async function show() {
  const answer = await fetch("/api/products");
  const { products } = await answer.json();
  page.replaceChildren(
    element("h1", "Shop"),
    ...products.map((product) => {
      const button = element("button", "Order");
      button.addEventListener("click", () => order(product));
      return element("p", `${product.name}, $${(product.cents / 100).toFixed(2)} `, [button]);
    }),
  );
}

show().catch(() => page.replaceChildren(element("p", "The shop does not answer; try again.")));
