'use strict';
// Asks the server what it reads in limits while they are being written. The form is checked again when it is sent.
const place = document.getElementById('limits-read');
const field = document.getElementById('limits');
const token = document.querySelector('input[name="form_token"]');
const PAUSE = 400;
let waiting;
let asked = 0;

async function ask() {
  const mine = ++asked;
  const body = new URLSearchParams({ form_token: token.value, limits: field.value });
  let answer;
  try {
    const response = await fetch(place.dataset.check, { method: 'POST', body });
    if (!response.ok) return;
    answer = await response.json();
  } catch {
    return;
  }
  // An answer to what was written before says nothing any more.
  if (mine !== asked) return;
  place.replaceChildren(...answer.lines.map((line) => {
    const item = document.createElement('p');
    item.textContent = line;
    return item;
  }));
  place.classList.toggle('right', answer.right && answer.lines.length > 0);
  place.classList.toggle('wrong', !answer.right);
}

if (place && field && token) {
  field.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, PAUSE);
  });
  // What the page complains about already is not said again.
  if (field.value.trim() && field.getAttribute('aria-invalid') !== 'true') ask();
}
