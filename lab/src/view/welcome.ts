import { Widget } from '@lumino/widgets';

/** What the main area shows while nothing is open. */
export class Welcome extends Widget {
  constructor(props: { readonly heading: string; readonly advice: string }) {
    super();
    this.id = 'coterie-welcome';
    this.addClass('coterie-Welcome');
    const heading = document.createElement('h1');
    heading.textContent = props.heading;
    const advice = document.createElement('p');
    advice.textContent = props.advice;
    this.node.append(heading, advice);
  }
}
