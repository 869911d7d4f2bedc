'use strict';
// Passkeys: the one thing here that takes a script. A form with `data-passkey` carries what the browser is to be asked, and
// sends its answer in the field `passkey`. A field with `data-step-up` can be answered by a passkey instead of a code.
//
// In a block, since all scripts of a page share their outermost names.
{
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (letter) => letter.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

  /** The options as the browser wants them: bytes in place of base64url text. */
  function read(options) {
    const key = { ...options.publicKey, challenge: bytes(options.publicKey.challenge) };
    if (key.user) key.user = { ...key.user, id: bytes(key.user.id) };
    for (const list of ['excludeCredentials', 'allowCredentials']) {
      if (key[list]) key[list] = key[list].map((one) => ({ ...one, id: bytes(one.id) }));
    }
    return { publicKey: key };
  }

  /** What the browser answered, as the server reads it. */
  function written(credential) {
    const response = {};
    for (const name of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    }
    return JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
      extensions: credential.getClientExtensionResults(),
    });
  }

  async function ask(options) {
    const credentials = navigator.credentials;
    const wanted = read(options);
    return written(await (wanted.publicKey.user ? credentials.create(wanted) : credentials.get(wanted)));
  }

  function complain(form, error) {
    let place = form.querySelector('.passkey-problem');
    if (!place) {
      place = document.createElement('p');
      place.className = 'problem passkey-problem';
      place.setAttribute('role', 'alert');
      form.prepend(place);
    }
    const known = {
      NotAllowedError: 'The passkey was not used: it was cancelled, or took too long. Try again.',
      InvalidStateError: 'This device has a passkey of your account already. Use another device, or remove the old one first.',
    };
    place.textContent = known[error.name] ?? `The passkey could not be used: ${error.message}`;
  }

  function hidden(form, name, value) {
    const field = document.createElement('input');
    Object.assign(field, { type: 'hidden', name, value });
    form.append(field);
  }

  for (const form of document.querySelectorAll('form[data-passkey]')) {
    if (!window.PublicKeyCredential) continue;
    const button = form.querySelector('button[type=submit]');
    button.hidden = false;
    form.addEventListener('submit', async (event) => {
      if (form.elements.passkey) return;
      event.preventDefault();
      button.disabled = true;
      try {
        hidden(form, 'passkey', await ask(JSON.parse(form.dataset.passkey)));
        form.submit();
      } catch (error) {
        complain(form, error);
        button.disabled = false;
      }
    });
    if ('passkeyNow' in form.dataset) form.requestSubmit();
  }

  for (const field of document.querySelectorAll('input[data-step-up]')) {
    if (!window.PublicKeyCredential) continue;
    const form = field.form;
    const button = document.createElement('button');
    Object.assign(button, { type: 'button', className: 'quiet', textContent: 'Use a passkey instead' });
    field.closest('.field').append(button);
    button.addEventListener('click', async () => {
      button.disabled = true;
      try {
        const [action, target] = field.dataset.stepUp.split(' ');
        const body = new URLSearchParams({ form_token: form.elements.form_token.value, action, target: target ?? '' });
        const answer = await fetch('/step-up', { method: 'POST', body });
        if (!answer.ok) throw new Error(answer.status === 404 ? 'there is none in your account' : `the server answered ${answer.status}`);
        const proof = await ask(await answer.json());
        field.required = false;
        field.removeAttribute('name');
        field.value = '';
        field.placeholder = 'Answered by a passkey';
        hidden(form, 'otp', proof);
        form.requestSubmit();
      } catch (error) {
        complain(form, error);
        button.disabled = false;
      }
    });
  }
}
